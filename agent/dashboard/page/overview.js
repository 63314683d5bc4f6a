// The overview: what there is, what is happening, and how fast.
import { html, Text, useContext, useEffect, useRef, useState } from './base.js';
import { live, useData, useLive } from './api.js';
import { Bars, Chart, Demo, SessionLink, Settings, Source, Time, Whole, count, href } from './parts.js';
import { What } from './event.js';

const rest = 10000; // milliseconds between two looks while nothing arrives
const soonest = 1500; // and while something does

const Card = ({ name, value, more }) => html`<div class="card figure"><dt>${name}</dt><dd>${value}${more && html` <small>${more}</small>`}</dd></div>`;

// Feed shows what arrives. It holds still while somebody points at it or reads with
// the keyboard.
function Feed() {
  const feed = useLive();
  const [held, hold] = useState(null);
  const [paused, pause] = useState(false);
  const still = () => { if (!held) hold({ rows: live.rows.slice(0, 20), at: live.arrived + live.found }); };
  const go = () => { if (!paused) hold(null); };
  const rows = held ? held.rows : feed.rows.slice(0, 20);
  const waiting = held ? feed.arrived + feed.found - held.at : 0;
  return html`<section class="card feed" aria-label="Live feed" onMouseEnter=${still} onMouseLeave=${go} onFocusIn=${still} onFocusOut=${go}>
    <h2>Live feed <button class="small" aria-pressed=${paused} onClick=${() => { pause(!paused); hold(paused ? null : { rows: live.rows.slice(0, 20), at: live.arrived + live.found }); }}>${paused ? 'Go on' : 'Hold'}</button>
      <small class="quiet">${held && waiting > 0 ? `held, ${count(waiting)} more arrived` : ''}</small></h2>
    ${rows.length === 0 ? html`<p class="empty">Nothing has arrived yet.</p>` : html`<ul class="rows">${rows.map(({ event, key }) => html`
      <li key=${key}><${Time} at=${event.time} long=${false}/> <${Source} ip=${event.ip ?? event.source_ip}/> <span class="grow"><${What} of=${event}/></span> <${Demo} on=${event.demo}/> <${SessionLink} id=${event.session_id} short=${8}/></li>`)}</ul>`}
  </section>`;
}

// useNews loads again soon after something arrived.
function useNews(reload) {
  const feed = useLive();
  const last = useRef({ n: 0, at: 0, timer: 0 });
  useEffect(() => {
    const n = feed.arrived + feed.found;
    const l = last.current;
    if (n === l.n || l.timer) return;
    l.timer = setTimeout(() => {
      Object.assign(l, { timer: 0, at: Date.now(), n: live.arrived + live.found });
      if (!document.hidden) reload();
    }, Math.max(100, soonest - (Date.now() - l.at)));
  });
  useEffect(() => () => clearTimeout(last.current.timer), []);
}

export function Overview() {
  const { utc } = useContext(Settings);
  const stats = useData('/api/stats', rest);
  const minutes = useData('/api/timeline', rest);
  useNews(() => { stats.reload(); minutes.reload(); });
  return html`<h1 tabindex="-1">Overview</h1>
    <${Whole} of=${stats}>${(s) => html`
      <dl class="figures">
        <${Card} name="Requests" value=${count(s.total)} more=${s.lost ? `${count(s.lost)} lost` : ''}/>
        <${Card} name="Sources" value=${(s.uniqueIpsExact ? '' : 'about ') + count(s.uniqueIps)}/>
        <${Card} name="Last hour" value=${count(s.recentCount)} more=${`${count(s.recentDetections)} detections`}/>
        <${Card} name="Errors" value=${count(s.errors)}/>
        <${Card} name="Last activity" value=${html`<${Time} at=${s.lastSeen}/>`}/>
      </dl>
      <section class="card"><h2>Detections</h2><ul class="severities">${['critical', 'high', 'medium', 'low', 'info'].map((v) => html`
        <li key=${v}><a class=${'severity ' + v} href=${href('detections', { severity: v })}>${count(s.severities[v])} ${v}</a></li>`)}</ul></section>`}<//>
    <section class="card"><h2>Requests per minute</h2><${Whole} of=${minutes}>${(m) => html`<${Chart} minutes=${m} utc=${utc}/>`}<//></section>
    <${Feed}/>
    <${Whole} of=${stats}>${(s) => html`<div class="columns">
      <${Bars} title="Top tools" counts=${s.topTools} link=${(tool) => href('logs', { tool })} empty="No tool was called."/>
      <${Bars} title="Top sources" counts=${s.topIps.map((i) => ({ name: i.ip, count: i.count }))} link=${(ip) => href('source', { ip })} empty="Nobody was here."/>
      <${Bars} title="Methods" counts=${Object.entries(s.methods).map(([name, n]) => ({ name, count: n })).sort((a, b) => b.count - a.count).slice(0, 10)} link=${(m) => href('logs', { mcp_method: m })} empty="No method was called."/>
      <${Bars} title="Rules that fired" counts=${s.topRules} link=${(r) => href('detections', { rule_id: r })} empty="No rule has fired."/>
    </div>`}<//>`;
}
