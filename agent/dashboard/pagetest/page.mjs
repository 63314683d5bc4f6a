// Opens the dashboard in Chromium and does with it what a reader does. It prints one
// line for each thing that it saw, and ends with 1 if one was not as it should be.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { chromium } from 'playwright-core';

const config = JSON.parse(process.argv[2]); // url, token, control, chromium, hostile
const require = createRequire(import.meta.url);
const axeSource = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
const views = ['overview', 'detections', 'sessions', 'sources', 'honeytokens', 'logs?kind=all', 'sensor', `story?id=s-1`, `story?id=${encodeURIComponent(config.hostile)}`, 'source?ip=10.0.0.2'];

let failed = false;
function check(name, ok, detail = '') {
  failed ||= !ok;
  console.log(`${ok ? 'ok' : 'FAILED'}  ${name}${detail === '' ? '' : `: ${detail}`}`);
}
async function step(name, f) {
  const began = Date.now();
  try {
    await f();
  } catch (e) {
    check(name, false, e.message.split('\n').slice(0, 6).join(' | '));
  }
  console.log(`    ${name} took ${((Date.now() - began) / 1000).toFixed(1)} s`);
}
const add = (what) => fetch(config.control, { method: 'POST', body: what });

const browser = await chromium.launch({ executablePath: config.chromium, args: ['--no-sandbox', '--disable-dev-shm-usage'] });

// open is a page that notes what it must not do.
async function open(options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, acceptDownloads: true, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(8000);
  page.faults = [];
  page.on('console', (m) => { if (m.type() === 'error' || m.type() === 'warning') page.faults.push(`console: ${m.text()}`); });
  page.on('pageerror', (e) => page.faults.push(`error: ${e.message}`));
  page.on('dialog', (d) => { page.faults.push(`dialog: ${d.message()}`); d.dismiss(); });
  page.on('request', (r) => {
    const url = new URL(r.url());
    if (url.origin !== config.url && !['data:', 'blob:'].includes(url.protocol)) page.faults.push(`request to ${r.url()}`);
    if (r.url().includes(config.token)) page.faults.push('the token is in a URL');
  });
  await page.exposeFunction('noteViolation', (v) => page.faults.push(`CSP: ${v}`));
  await page.addInitScript(() => addEventListener('securitypolicyviolation', (e) => window.noteViolation(`${e.violatedDirective} ${e.blockedURI} ${e.sourceFile}:${e.lineNumber}`)));
  return page;
}

async function login(page) {
  await page.goto(config.url);
  await page.getByLabel('Token of this dashboard').fill(config.token);
  await page.getByRole('button', { name: 'Open' }).click();
  await page.getByRole('heading', { name: 'Overview' }).waitFor();
}

const settled = async (page) => {
  await page.waitForFunction(() => !document.querySelector('.loading'));
  await page.waitForTimeout(50);
};
const visit = async (page, view) => {
  await page.goto(`${config.url}/#/${view}`);
  await page.locator('main h1').first().waitFor();
  await settled(page);
};

const page = await open();

await step('log in', async () => {
  await page.goto(config.url);
  await page.getByLabel('Token of this dashboard').waitFor();
  check('nothing is asked before the log-in that fails', page.faults.length === 0, page.faults.join('; '));
  await page.getByLabel('Token of this dashboard').fill('wrong');
  await page.keyboard.press('Enter');
  await page.getByText('This is not the token.').waitFor();
  page.faults = page.faults.filter((f) => !f.includes('401')); // the browser's own remark on the answer
  await page.getByLabel('Token of this dashboard').fill(config.token);
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Overview' }).waitFor();
  await page.locator('.dot.live').waitFor();
  const cookies = await page.context().cookies();
  check('log in', cookies.length === 1 && cookies[0].httpOnly && cookies[0].secure && cookies[0].sameSite === 'Strict' && cookies[0].name.startsWith('__Host-'), cookies.map((c) => c.name).join());
  check('no script of the page sees the cookie or keeps the token', !(await page.evaluate(() => document.cookie + JSON.stringify(localStorage) + JSON.stringify(sessionStorage))).includes(config.token));
});

await step('live update', async () => {
  const began = Date.now();
  await add('news');
  await page.locator('.feed li', { hasText: 'brand_new_tool' }).waitFor({ timeout: 3000 });
  const took = Date.now() - began;
  check('live update', took < 1000, `${took} ms`);
  const before = await page.locator('.feed li').count();
  await page.locator('.feed').hover();
  await add('news');
  await page.getByText('1 more arrived').waitFor();
  check('the feed holds still while somebody points at it', (await page.locator('.feed li').count()) === before);
  await page.mouse.move(0, 0);
  await page.waitForFunction((n) => document.querySelectorAll('.feed li').length > n, before);
});

await step('filters', async () => {
  const values = { kind: 'detection', ip: '10.0.0.2', tool: 'jira_get_issue', mcp_method: 'tools/call', outcome: 'unknown_tool', session_id: 's-1', actor: 'actor-1', rule_id: 'MCP_MULTI_TOOL_RECON', severity: 'critical', min_severity: 'high', from: '2026-11-21T12:00:30', to: '2026-11-21T12:00:30' };
  for (const [name, value] of Object.entries(values)) {
    await visit(page, 'logs');
    if (['rule_id', 'severity', 'min_severity'].includes(name)) await page.locator('#filter-kind').selectOption('detection');
    const field = page.locator(`#filter-${name}`);
    if (await field.evaluate((e) => e.tagName === 'SELECT')) await field.selectOption(value);
    else await field.fill(value);
    await page.getByRole('button', { name: 'Apply' }).click();
    await page.waitForURL((u) => u.hash.includes(`${name}=`));
    await settled(page);
    const params = new URLSearchParams(new URL(page.url()).hash.split('?')[1]);
    const answer = await page.evaluate((q) => fetch(`/api/logs?${q}`).then((r) => r.json()), params.toString());
    const rows = await page.locator('tbody tr').count();
    check(`filter ${name}`, answer.logs.length === rows && rows > 0 && rows < 9, `${rows} rows`);
  }
  for (const [name, value] of Object.entries({ severity: 'critical', rule_id: 'MCP_HONEYTOKEN_REPLAY', ip: '10.0.0.1', session_id: 's-1' })) {
    await visit(page, 'detections');
    const field = page.locator(`#filter-${name}`);
    if (await field.evaluate((e) => e.tagName === 'SELECT')) await field.selectOption(value);
    else await field.fill(value);
    await page.getByRole('button', { name: 'Apply' }).click();
    await page.waitForURL((u) => u.hash.includes(`${name}=`));
    await settled(page);
    check(`filter ${name} of detections`, (await page.locator('tbody tr').count()) === 1);
  }
  await page.getByRole('button', { name: 'Clear' }).click();
  await page.waitForURL((u) => u.hash === '#/detections');
});

await step('reload and back', async () => {
  await visit(page, 'logs?kind=all&ip=10.0.0.2');
  const rows = await page.locator('tbody tr').count();
  await page.reload();
  await page.locator('tbody tr').first().waitFor();
  check('a reload stays logged in, and at the same address', (await page.locator('tbody tr').count()) === rows && (await page.locator('#filter-ip').inputValue()) === '10.0.0.2');
  await page.getByRole('link', { name: 'Sessions', exact: true }).click();
  await page.getByRole('heading', { name: 'Sessions' }).waitFor();
  await page.goBack();
  await page.getByRole('heading', { name: 'Logs' }).waitFor();
  await settled(page);
  check('back', (await page.locator('#filter-ip').inputValue()) === '10.0.0.2' && (await page.locator('tbody tr').count()) === rows);
});

await step('story', async () => {
  await visit(page, 'sessions');
  await page.getByRole('link', { name: 's-1', exact: true }).click();
  await page.locator('.story .step').first().waitFor();
  check('each request is a step', (await page.locator('.story .step').count()) === 2);
  check('a detection is pinned to the request that set it off', (await page.locator('.step', { hasText: 'slack_get_user_info' }).locator('.pin').count()) === 1);
  check('stages', (await page.locator('.chain .reached').count()) === 3, await page.locator('.chain .reached').allTextContents());
  check('a honeytoken and where it came back', (await page.locator('.token').first().textContent()).includes('came back'));
  await page.locator('.step').first().getByText('Request as it came').click();
  await page.getByText('Request head').first().waitFor();
  check('the request as it came', (await page.locator('.step').first().locator('.details').textContent()).includes('POST /mcp HTTP/1.1'));
});

await step('hostile text', async () => {
  for (const view of views) {
    await visit(page, view);
    for (const s of await page.locator('details > summary').all()) await s.click();
    await settled(page);
    const odd = await page.evaluate(() => document.querySelectorAll('#app script, #app img, #app iframe, #app object, #app style, #app [onload], #app [onerror], #app a[href^="javascript"]').length);
    const text = await page.locator('main').textContent();
    const has = text.includes('<script>alert(1)</script>');
    check(`hostile text in ${view.slice(0, 24)}`, odd === 0 && has && !/[\u202e\x1b]/.test(text), has ? '' : 'not shown here');
    check(`nothing was done in ${view.slice(0, 24)}`, page.faults.length === 0, page.faults.splice(0).join('; '));
  }
});

await step('export', async () => {
  await visit(page, 'logs?kind=all');
  for (const [name, begin] of [['CSV', 'seq,time,'], ['NDJSON', '{"v":1']]) {
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name, exact: true }).click()]);
    const text = readFileSync(await download.path(), 'utf8');
    check(`export ${name}`, text.startsWith(begin) && /^killdeer-.*\.(csv|ndjson)$/.test(download.suggestedFilename()), download.suggestedFilename());
  }
});

await step('dark', async () => {
  await visit(page, 'overview');
  const light = await page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  await page.getByLabel('Colours').selectOption('dark');
  await page.waitForFunction(() => document.documentElement.dataset.theme === 'dark');
  const dark = await page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  await page.reload();
  await page.getByRole('heading', { name: 'Overview' }).waitFor();
  await page.waitForFunction(() => document.documentElement.dataset.theme === 'dark');
  const again = await page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  check('dark, and after a reload', light !== dark && dark === again, `${light} ${dark}`);
  await page.getByLabel('Colours').selectOption('auto');
  await page.waitForFunction(() => !document.documentElement.dataset.theme);
  await page.emulateMedia({ colorScheme: 'dark' });
  check('dark as the system', (await page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor)) === dark);
  await page.emulateMedia({ colorScheme: 'light' });
});

await step('UTC', async () => {
  await visit(page, 'logs?kind=all');
  await page.getByLabel('Times').selectOption('utc');
  check('UTC', (await page.locator('tbody time').allTextContents()).some((t) => t === '2026-11-21 12:01:00'));
});

await step('keyboard', async () => {
  await page.goto(`${config.url}/#/overview`);
  await page.reload();
  await page.locator('main h1').first().waitFor();
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  check('the skip link leads to the content', await page.evaluate(() => document.activeElement.id === 'main'));
  await page.getByRole('link', { name: 'Sensor', exact: true }).focus();
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => document.activeElement.tagName === 'H1' && document.activeElement.textContent === 'Sensor');
  check('a view begins at its heading', true);
});

await step('states', async () => {
  await visit(page, 'logs?ip=192.0.2.255');
  check('empty', await page.getByText('Nothing recorded matches.').isVisible());
  await visit(page, 'logs?tool=broken');
  check('error', await page.getByRole('alert').getByText('could not answer').isVisible());
  page.faults = page.faults.filter((f) => !f.includes('500'));
  await page.context().setOffline(true);
  await add('cut');
  await page.locator('.dot.reconnecting').waitFor();
  await page.context().setOffline(false);
  await page.locator('.dot.live').waitFor({ timeout: 15000 });
  check('reconnecting, and back', true);
  page.faults = page.faults.filter((f) => !/net::ERR|Failed to load/.test(f));
});

check('nothing the page must not do', page.faults.length === 0, page.faults.join('; '));

await step('narrow', async () => {
  const narrow = await open({ viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true });
  await login(narrow);
  for (const view of views) {
    await visit(narrow, view);
    const width = await narrow.evaluate(() => document.scrollingElement.scrollWidth);
    check(`360 px, ${view.slice(0, 24)}`, width <= 360, `${width} px`);
  }
  check('nothing the narrow page must not do', narrow.faults.length === 0, narrow.faults.join('; '));
});

// axe marks what it looks at with styles of its own: not under the policy.
await step('axe', async () => {
  for (const colorScheme of ['light', 'dark']) {
    const axe = await open({ bypassCSP: true, colorScheme });
    await axe.goto(config.url);
    await axe.evaluate(axeSource);
    const look = async (name) => {
      await axe.evaluate(axeSource);
      const { violations } = await axe.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
      const bad = violations.filter((v) => ['serious', 'critical'].includes(v.impact));
      check(`axe, ${colorScheme}, ${name.slice(0, 24)}`, bad.length === 0, bad.map((v) => `${v.id}: ${v.nodes.slice(0, 3).map((n) => n.html.slice(0, 160)).join(' ')}`).join('; '));
    };
    await axe.getByLabel('Token of this dashboard').waitFor();
    await look('log-in');
    await login(axe);
    // Colours are what differs: the second time a few views have them all.
    for (const view of colorScheme === 'light' ? views : views.filter((v) => /^(overview|detections|sensor|story.*s-1)/.test(v))) {
      await visit(axe, view);
      for (const s of (await axe.locator('details > summary').all()).slice(0, 2)) await s.click();
      await settled(axe);
      await look(view);
    }
    await axe.context().close();
  }
});

await step('log out', async () => {
  await page.getByRole('button', { name: 'Log out' }).click();
  await page.getByLabel('Token of this dashboard').waitFor();
  check('log out', (await page.evaluate(() => fetch('/api/stats').then((r) => r.status))) === 401);
});

await browser.close();
process.exit(failed ? 1 : 0);
