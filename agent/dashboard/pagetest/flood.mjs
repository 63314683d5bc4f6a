// Measures the page: how long until the overview can be read, and what becomes of
// its frames while events arrive faster than anybody reads.
import { chromium } from 'playwright-core';

const config = JSON.parse(process.argv[2]); // url, control, chromium
const browser = await chromium.launch({ executablePath: config.chromium, args: ['--no-sandbox', '--disable-dev-shm-usage'] });
const page = await (await browser.newContext({ viewport: { width: 1280, height: 900 } })).newPage();
page.on('pageerror', (e) => console.log(`error: ${e.message}`));

const opened = [];
for (let i = 0; i < 5; i++) {
  const began = performance.now();
  await page.goto(config.url);
  await page.locator('.figure dd').first().waitFor();
  await page.locator('.bars li').first().waitFor();
  await page.locator('.chart canvas').waitFor();
  opened.push(performance.now() - began);
  await page.goto('about:blank');
}
opened.sort((a, b) => a - b);
console.log(`overview usable: median ${opened[2].toFixed(0)} ms, worst ${opened[4].toFixed(0)} ms of ${opened.length}`);

// frames measures the time between two frames for a while.
const frames = (ms) => page.evaluate((ms) => new Promise((done) => {
  const times = [];
  let last = performance.now();
  const end = last + ms;
  const next = (now) => {
    times.push(now - last);
    last = now;
    if (now < end) requestAnimationFrame(next);
    else done(times.slice(1));
  };
  requestAnimationFrame(next);
}), ms);

function report(name, times) {
  times.sort((a, b) => a - b);
  const at = (q) => times[Math.min(times.length - 1, Math.floor(times.length * q))].toFixed(1);
  console.log(`${name}: ${times.length} frames, p50 ${at(0.5)} ms, p95 ${at(0.95)} ms, p99 ${at(0.99)} ms, worst ${at(1)} ms`);
}

await page.goto(config.url);
await page.locator('.dot.live').waitFor();
report('frames at rest', await frames(4000));
await fetch(config.control, { method: 'POST' });
await page.waitForTimeout(1000);
const before = await page.locator('.figure dd').first().textContent();
report('frames under the flood', await frames(10000));
const clicked = performance.now();
await page.getByRole('link', { name: 'Logs', exact: true }).click();
await page.locator('tbody tr').first().waitFor();
console.log(`another view under the flood: ${(performance.now() - clicked).toFixed(0)} ms`);
console.log(`requests shown before ${before}`);
const heap = await page.evaluate(() => performance.memory?.usedJSHeapSize ?? 0);
console.log(`page's heap ${(heap / 1e6).toFixed(1)} MB`);
await browser.close();
