// Starts a sensor, plays the demonstration against it, and takes a picture of each
// view: make screenshots.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const [program, browserPath, into] = process.argv.slice(2);
const dir = mkdtempSync(join(tmpdir(), 'killdeer-screenshots-'));
const config = join(dir, 'agent.toml');
writeFileSync(config, '[sensor]\nname = "sensor-1"\n[decoy]\nlisten = "127.0.0.1:0"\n[dashboard]\nlisten = "127.0.0.1:0"\n');
const sensor = spawn(program, ['run', '-c', config], { stdio: ['ignore', 'pipe', 'inherit'] });
let failed = true;
try {
  const url = await new Promise((found, gone) => {
    let text = '';
    sensor.stdout.on('data', (d) => {
      text += d;
      const m = /dashboard (\S+)\//.exec(text);
      if (m) found(m[1]);
    });
    sensor.on('exit', () => gone(new Error('the sensor ended')));
  });
  const played = spawnSync(program, ['demo', '-c', config], { encoding: 'utf8' });
  if (played.status !== 0) throw new Error(`demo: ${played.stderr}`);
  mkdirSync(into, { recursive: true });
  const browser = await chromium.launch({ executablePath: browserPath, args: ['--no-sandbox', '--disable-dev-shm-usage'] });
  const sessions = await (await fetch(`${url}/api/sessions`)).json();
  const agent = sessions.sessions.find((s) => s.client?.name === 'research-agent');
  const last = sessions.sessions.find((s) => s.client?.name === 'curl');
  const shoot = async (name, hash, options = {}) => {
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, timezoneId: 'UTC', ...options });
    const page = await context.newPage();
    await page.goto(`${url}/#/${hash}`);
    await page.locator('main h1').first().waitFor();
    await page.waitForFunction(() => !document.querySelector('.loading') && document.querySelector('.dot.live'));
    await page.waitForTimeout(400);
    await page.screenshot({ path: join(into, `${name}.png`) });
    await context.close();
  };
  await shoot('overview', 'overview');
  await shoot('overview-dark', 'overview', { colorScheme: 'dark' });
  await shoot('overview-narrow', 'overview', { viewport: { width: 360, height: 780 }, deviceScaleFactor: 2 });
  await shoot('detections', 'detections');
  await shoot('sessions', 'sessions');
  await shoot('story', `story?id=${encodeURIComponent((last ?? agent).id)}`);
  await shoot('sources', 'sources');
  await shoot('source', `source?ip=${encodeURIComponent(agent.ip)}`);
  await shoot('honeytokens', 'honeytokens');
  await shoot('logs', 'logs');
  await shoot('sensor', 'sensor');
  await browser.close();
  failed = false;
} finally {
  const gone = new Promise((done) => sensor.once('exit', done));
  if (sensor.exitCode === null) {
    sensor.kill('SIGINT');
    await gone;
  }
  rmSync(dir, { recursive: true, force: true });
}
process.exit(failed ? 1 : 0);
