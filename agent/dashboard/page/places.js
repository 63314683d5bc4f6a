// Sources, honeytokens and the sensor itself.
import { html, Text } from './base.js';
import { query, useData } from './api.js';
import { Bars, Demo, Pager, SessionLink, Source as SourceLink, Table, Time, Whole, bytes, count, href } from './parts.js';

export function Sources({ params, go }) {
  const cursor = params.get('cursor') ?? '';
  const list = useData(query('/api/sources', { cursor }), 15000);
  return html`<h1 tabindex="-1">Sources</h1>
    <${Whole} of=${list} empty=${(d) => d.sources.length === 0 && 'Nobody was here.'}>${(d) => html`
      <p class="quiet">${d.total_exact ? '' : 'about '}${count(d.total)} addresses; those that most requests came from are listed</p>
      <${Table} caption="Addresses, by requests" rows=${d.sources} rowKey=${(s) => s.ip} columns=${[
        { name: 'Address', cell: (s) => html`<${SourceLink} ip=${s.ip}/> <${Demo} on=${s.demo}/>` }, { name: 'Requests', cell: (s) => count(s.count) },
        { name: 'Detections', cell: (s) => s.detections ? html`<a href=${href('detections', { ip: s.ip })}>${count(s.detections)}</a>` : '0' },
        { name: 'Last seen', cell: (s) => html`<${Time} at=${s.last_seen}/>` }, { name: 'Client', cell: (s) => html`<${Text} s=${s.client} limit=${60}/>` }, { name: 'User agent', wide: true, cell: (s) => html`<${Text} s=${s.ua} limit=${80}/>` },
      ]}/>
      <${Pager} first=${!cursor} next=${d.next} onNext=${(at) => go('sources', { cursor: at })} onFirst=${() => go('sources')}/>`}<//>`;
}

const sorted = (counts) => Object.entries(counts).map(([name, n]) => ({ name, count: n })).sort((a, b) => b.count - a.count).slice(0, 15);
const Texts = ({ title, of, link }) => html`<section class="card"><h2>${title}</h2>${of.length === 0 ? html`<p class="empty">none</p>` : html`<ul class="plain">${of.slice(0, 30).map((s) => html`<li key=${s}>${link ? link(s) : html`<${Text} s=${s} limit=${120}/>`}</li>`)}</ul>`}${of.length > 30 && html`<p class="quiet">and ${of.length - 30} more</p>`}</section>`;

export function Source({ params }) {
  const ip = params.get('ip') ?? '';
  const one = useData(`/api/sources/${encodeURIComponent(ip)}`);
  return html`<h1 tabindex="-1">Source <span class="code"><${Text} s=${ip} limit=${64}/></span></h1>
    <${Whole} of=${one}>${(s) => html`
      <p>${count(s.requests)} requests, ${count(s.detections)} detections, ${s.complete ? 'first' : 'of the last ' + count(s.sample) + ' events the first'} <${Time} at=${s.first_seen}/>, last <${Time} at=${s.last_seen}/>.
        <a href=${href('logs', { ip })}>Logs</a> <a href=${href('detections', { ip })}>Detections</a></p>
      <div class="columns">
        <${Bars} title="Tools" counts=${sorted(s.tools)} link=${(tool) => href('logs', { ip, tool })} empty="No tool was called."/>
        <${Bars} title="Methods" counts=${sorted(s.methods)} link=${(m) => href('logs', { ip, mcp_method: m })} empty="No method was called."/>
        <${Bars} title="Rules that fired" counts=${sorted(s.rules)} link=${(r) => href('detections', { ip, rule_id: r })} empty="No rule has fired."/>
        <${Texts} title="Sessions" of=${s.sessions} link=${(id) => html`<${SessionLink} id=${id} short=${40}/>`}/>
        <${Texts} title="Clients" of=${s.clients}/><${Texts} title="User agents" of=${s.user_agents}/>
      </div>`}<//>`;
}

export function Honeytokens({ params, go }) {
  const cursor = params.get('cursor') ?? '';
  const list = useData(query('/api/canaries', { cursor }), 15000);
  return html`<h1 tabindex="-1">Honeytokens</h1>
    <${Whole} of=${list} empty=${(d) => d.canaries.length === 0 && 'No credential was handed out yet.'}>${(d) => html`
      <${Table} caption="Credentials that were handed out, the last one first" rows=${d.canaries} rowKey=${(c) => c.seq} mark=${(c) => c.replays.length ? 'alarm' : ''} columns=${[
        { name: 'Given', cell: (c) => html`<${Time} at=${c.time}/>` }, { name: 'Kind', cell: (c) => c.kind }, { name: 'Opens', cell: (c) => html`<${Text} s=${c.label} limit=${80}/>` },
        { name: 'Value', wide: true, cell: (c) => html`<span class="code"><${Text} s=${c.value} limit=${48}/></span>` }, { name: 'To', cell: (c) => c.session_id ? html`<${SessionLink} id=${c.session_id}/>` : c.ip ? html`<${SourceLink} ip=${c.ip}/>` : 'everybody' },
        { name: 'Came back', wide: true, cell: (c) => c.replays.length === 0 ? html`<span class="quiet">no</span>` : html`<ul class="plain">${c.replays.map((r) => html`<li key=${r.detection_id + r.position}><${Time} at=${r.time}/> from <${SourceLink} ip=${r.ip}/> in <${Text} s=${r.position}/> <${SessionLink} id=${r.session_id}/></li>`)}</ul>` },
      ]}/>
      <${Pager} first=${!cursor} next=${d.next} onNext=${(at) => go('honeytokens', { cursor: at })} onFirst=${() => go('honeytokens')}/>`}<//>`;
}

const Pairs = ({ of }) => html`<dl class="pairs">${of.filter(([, v]) => v !== undefined && v !== '').map(([k, v]) => html`<div class="pair" key=${k}><dt>${k}</dt><dd>${v}</dd></div>`)}</dl>`;

export function Sensor() {
  const health = useData('/api/health', 5000);
  return html`<h1 tabindex="-1">Sensor</h1>
    <${Whole} of=${health}>${(s) => html`
      <p class=${'state ' + s.state} role="status">${s.state === 'ok' ? 'Everything works.' : 'Degraded:'}</p>
      ${s.reasons.length > 0 && html`<ul>${s.reasons.map((r) => html`<li key=${r}><${Text} s=${r}/></li>`)}</ul>`}
      <div class="columns">
        <section class="card"><h2>Decoy</h2><${Pairs} of=${[['Sensor', html`<${Text} s=${s.sensor}/>`], ['Version', s.version], ['Started', html`<${Time} at=${s.started}/>`], ['Address', s.decoy.url], ['Shows itself as', html`<${Text} s=${s.decoy.server_name}/>`], ['Personas', s.decoy.personas.join(', ')], ['Tools', count(s.decoy.tools)]]}/></section>
        <section class="card"><h2>Journal</h2><${Pairs} of=${[['Events', `${count(s.journal.events)}, numbers ${s.journal.first} to ${s.journal.last}`], ['On disk', `${bytes(s.journal.bytes)}${s.journal.max_bytes ? ` of ${bytes(s.journal.max_bytes)}` : ''}`], ['Free', s.journal.free_bytes ? bytes(s.journal.free_bytes) : undefined], ['Segments', `${s.journal.segments}, ${s.journal.sealed_segments} sealed`], ['Rules', s.journal.judge_behind > 100 ? `${count(s.journal.judge_behind)} events behind` : 'have seen everything'], ['Lost in the last hour', `${count(s.lost)} events`]]}/></section>
      </div>
      <section class="card"><h2>Sinks</h2>${s.sinks.length === 0 ? html`<p class="empty">No sink is configured: events stay here.</p>` : html`<${Table} caption="Where events go" rows=${s.sinks} rowKey=${(x) => x.name} columns=${[
        { name: 'Sink', cell: (x) => x.name }, { name: 'State', cell: (x) => html`<span class=${'state ' + (x.state === 'up' ? 'ok' : 'degraded')}>${x.state}</span>` }, { name: 'Behind', cell: (x) => count(x.behind) },
        { name: 'Sent', cell: (x) => count(x.sent) }, { name: 'Failures', cell: (x) => count(x.failures) }, { name: 'Undeliverable', cell: (x) => count(x.dead) },
        { name: 'Last error', wide: true, cell: (x) => x.error ? html`<${Text} s=${x.error}/> <${Time} at=${x.error_at}/>` : '' },
      ]}/>`}</section>
      <section class="card"><h2>Packs</h2>${s.packs.length === 0 ? html`<p class="empty">Packs are being loaded.</p>` : html`<${Table} caption="Personas and rules in use" rows=${s.packs} rowKey=${(x) => x.kind + x.id} columns=${[
        { name: 'Pack', cell: (x) => html`<${Text} s=${x.id}/>` }, { name: 'Kind', cell: (x) => x.kind }, { name: 'Version', cell: (x) => x.version ?? '' }, { name: 'Rules', cell: (x) => x.rules ?? '' },
        { name: 'Expires', cell: (x) => x.expires ? html`<${Time} at=${x.expires}/>` : 'never' },
      ]}/>`}</section>
      <section class="card"><h2>Guests</h2>${s.guests.length === 0 ? html`<p class="empty">No guest has failed in the last hour.</p>` : html`<${Table} caption="Guests that failed in the last hour" rows=${s.guests} rowKey=${(x) => x.module} columns=${[
        { name: 'Guest', cell: (x) => html`<${Text} s=${x.module}/>` }, { name: 'Failures', cell: (x) => count(x.errors) }, { name: 'Last', cell: (x) => html`<${Time} at=${x.last}/>` }, { name: 'Why', wide: true, cell: (x) => html`${x.code} <${Text} s=${x.detail}/>` },
      ]}/>`}</section>`}<//>`;
}
