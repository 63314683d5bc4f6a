// Parts that several views are made of.
import { html, Text, createContext, useContext, useEffect, useRef, useState } from './base.js';
import uPlot from './vendor/uPlot.esm.js';

// Settings of the reader: the time zone and the colours.
export const Settings = createContext({ utc: false });

const pad = (n, l = 2) => String(n).padStart(l, '0');

// clock writes a time in local time or UTC.
export function clock(text, utc, long = true) {
  const t = new Date(text);
  if (Number.isNaN(t.getTime())) return '';
  const [y, m, d, h, i, s, ms] = utc
    ? [t.getUTCFullYear(), t.getUTCMonth(), t.getUTCDate(), t.getUTCHours(), t.getUTCMinutes(), t.getUTCSeconds(), t.getUTCMilliseconds()]
    : [t.getFullYear(), t.getMonth(), t.getDate(), t.getHours(), t.getMinutes(), t.getSeconds(), t.getMilliseconds()];
  const time = `${pad(h)}:${pad(i)}:${pad(s)}`;
  return long ? `${y}-${pad(m + 1)}-${pad(d)} ${time}` : `${time}.${pad(ms, 3)}`;
}

export function Time({ at, long = true }) {
  const { utc } = useContext(Settings);
  if (!at) return html`<span class="quiet">never</span>`;
  return html`<time datetime=${at} title=${at}>${clock(at, utc, long)}</time>`;
}

export const count = (n) => Number(n ?? 0).toLocaleString('en');

export function bytes(n) {
  for (const unit of ['B', 'KiB', 'MiB', 'GiB']) {
    if (n < 1024 || unit === 'GiB') return `${unit === 'B' ? n : n.toFixed(1)} ${unit}`;
    n /= 1024;
  }
}

export const Severity = ({ of }) => html`<span class=${'severity ' + of}>${of}</span>`;
export const Demo = ({ on }) => on && html`<span class="label demo" title="sent by killdeer demo">demo</span>`;

// href is the address of a view, with parameters.
export function href(view, values = {}) {
  const q = new URLSearchParams(Object.entries(values).filter(([, v]) => v !== '' && v !== undefined && v !== null));
  return q.size ? `#/${view}?${q}` : `#/${view}`;
}

export const Source = ({ ip }) => ip ? html`<a href=${href('source', { ip })}><${Text} s=${ip} limit=${60}/></a>` : html`<span class="quiet">none</span>`;
export const SessionLink = ({ id, short = 12 }) => id ? html`<a class="code" href=${href('story', { id })}><${Text} s=${id} limit=${short} rest=${false}/></a>` : html`<span class="quiet">none</span>`;

// Whole shows what a request brought, or that it is on its way, or why it is not
// there. What was there before stays visible beside an error.
export function Whole({ of, empty, children }) {
  return html`
    ${of.error && html`<p class="failure" role="alert">Not loaded: ${of.error.message}. <button onClick=${of.reload}>Try again</button></p>`}
    ${of.loading && !of.data && html`<p class="loading" role="status">Loading.</p>`}
    ${of.data && (empty?.(of.data) ? html`<p class="empty">${empty(of.data)}</p>` : children(of.data))}`;
}

// Table is a list of rows, which on a narrow screen are cards. Columns are
// {name, cell, wide}.
export function Table({ caption, columns, rows, rowKey, mark }) {
  return html`<table role="table">
    <caption>${caption}</caption>
    <thead role="rowgroup"><tr role="row">${columns.map((c) => html`<th role="columnheader" scope="col" key=${c.name}>${c.name}</th>`)}</tr></thead>
    <tbody role="rowgroup">${rows.map((r) => html`<tr role="row" key=${rowKey(r)} class=${mark?.(r) ?? ''}>
      ${columns.map((c) => html`<td role="cell" key=${c.name} class=${c.wide ? 'wide' : ''} data-name=${c.name}>${c.cell(r)}</td>`)}</tr>`)}</tbody>
  </table>`;
}

// Bars compares counts.
export function Bars({ title, counts, link, empty }) {
  const most = Math.max(1, ...counts.map((c) => c.count));
  return html`<section class="card"><h2>${title}</h2>${counts.length === 0 ? html`<p class="empty">${empty}</p>` : html`<ol class="bars">${counts.map((c) => html`
    <li key=${c.name}><span class="bar-name">${link ? html`<a href=${link(c.name)}><${Text} s=${c.name} limit=${60}/></a>` : html`<${Text} s=${c.name} limit=${60}/>`}</span>
      <span class="bar-count">${count(c.count)}</span><span class="bar" aria-hidden="true"><span style=${{ width: `${(100 * c.count) / most}%` }}></span></span></li>`)}</ol>`}</section>`;
}

// Pager goes on to what is older.
export const Pager = ({ next, onNext, onFirst, first }) => html`<p class="pager">
  ${!first && html`<button onClick=${onFirst}>Newest</button>`} ${next && html`<button onClick=${() => onNext(next)}>Older</button>`}</p>`;

// News says that there is more than what is shown, which stays until asked for.
export const News = ({ n, onShow }) => n > 0 && html`<p class="news" role="status"><button onClick=${onShow}>Show ${count(n)} new</button></p>`;

// Chart draws minutes as lines. Who does not see it finds its sum in words.
export function Chart({ minutes, utc }) {
  const box = useRef(null);
  const plot = useRef(null);
  const [theme, setTheme] = useState(0);
  useEffect(() => {
    const redo = () => setTheme((n) => n + 1);
    const dark = matchMedia('(prefers-color-scheme: dark)');
    dark.addEventListener('change', redo);
    addEventListener('themechange', redo);
    return () => { dark.removeEventListener('change', redo); removeEventListener('themechange', redo); };
  }, []);
  const data = [minutes.map((m) => Date.parse(m.minute + 'Z') / 1000), minutes.map((m) => m.count), minutes.map((m) => m.detections)];
  useEffect(() => {
    const colour = (n) => getComputedStyle(box.current).getPropertyValue(n).trim();
    const hours = (u, ticks) => ticks.map((t) => clock(new Date(t * 1000).toISOString(), utc).slice(11, 16));
    const axis = { stroke: colour('--quiet'), grid: { stroke: colour('--line'), width: 1 }, ticks: { stroke: colour('--line'), width: 1 } };
    const size = () => ({ width: Math.max(200, box.current.clientWidth), height: 200 });
    plot.current = new uPlot({
      ...size(), legend: { show: false }, cursor: { show: false },
      tzDate: utc ? (ts) => uPlot.tzDate(new Date(ts * 1e3), 'UTC') : undefined,
      scales: { y: { range: (_, low, high) => [0, Math.max(4, high * 1.1)] } },
      axes: [{ ...axis, values: hours }, { ...axis, size: 48 }],
      series: [{}, { stroke: colour('--chart'), fill: colour('--chart-soft'), width: 2, points: { show: false } }, { stroke: colour('--critical'), width: 2, points: { show: false } }],
    }, data, box.current);
    const resize = new ResizeObserver(() => box.current && plot.current.setSize(size()));
    resize.observe(box.current);
    return () => { resize.disconnect(); plot.current.destroy(); };
  }, [utc, theme]);
  useEffect(() => { plot.current?.setData(data); }, [minutes]);
  const sum = minutes.reduce((n, m) => n + m.count, 0);
  const most = minutes.reduce((a, m) => (m.count > a.count ? m : a), { count: 0 });
  const words = `${count(sum)} requests in ${minutes.length} minutes` + (most.count ? `, at most ${count(most.count)} in one` : '') + `; ${count(minutes.reduce((n, m) => n + m.detections, 0))} detections.`;
  return html`<div class="chart" role="img" aria-label=${words} ref=${box}></div><p class="quiet"><span class="key requests"></span>requests <span class="key detections"></span>detections. ${words}</p>`;
}
