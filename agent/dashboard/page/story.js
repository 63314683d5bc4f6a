// Sessions, and the story of one: who said what when, what was answered, what the
// rules made of it, and where what was given came back.
import { html, Text, useEffect, useMemo, useState } from './base.js';
import { get, query, useData, useLive } from './api.js';
import { Demo, News, Pager, Severity, SessionLink, Source, Table, Time, Whole, count, href } from './parts.js';
import { Unfold, What } from './event.js';

export function Sessions({ params, go }) {
  const cursor = params.get('cursor') ?? '';
  const list = useData(query('/api/sessions', { limit: 100, cursor }));
  return html`<h1 tabindex="-1">Sessions</h1>
    <${Whole} of=${list} empty=${(d) => d.sessions.length === 0 && 'No session was opened.'}>${(d) => html`
      <${Table} caption="Sessions, the one that began last first" rows=${d.sessions} rowKey=${(s) => s.id} columns=${[
        { name: 'Began', cell: (s) => html`<${Time} at=${s.first}/>` }, { name: 'Session', cell: (s) => html`<${SessionLink} id=${s.id} short=${24}/>` },
        { name: 'Source', cell: (s) => html`<${Source} ip=${s.ip}/>` }, { name: 'Client', cell: (s) => html`<${Text} s=${[s.client?.name, s.client?.version].filter(Boolean).join(' ')} limit=${60}/>` },
        { name: 'Events', cell: (s) => count(s.events) }, { name: 'Calls', cell: (s) => count(s.calls) },
        { name: 'Detections', cell: (s) => s.detections ? html`<strong>${count(s.detections)}</strong>` : '0' }, { name: 'Took', cell: (s) => span(Date.parse(s.last) - Date.parse(s.first)) },
      ]}/>
      <${Pager} first=${!cursor} next=${d.next} onNext=${(at) => go('sessions', { cursor: at })} onFirst=${() => go('sessions')}/>`}<//>
    <p><button onClick=${list.reload}>Look again</button></p>`;
}

export function span(ms) {
  if (!(ms >= 0)) return '';
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60000) return `${(ms / 1000).toFixed(1)} s`;
  return ms < 3600000 ? `${Math.floor(ms / 60000)} min ${Math.round((ms % 60000) / 1000)} s` : `${(ms / 3600000).toFixed(1)} h`;
}

const chain = [['recon', 'Looked around'], ['data', 'Read data'], ['secrets', 'Got near secrets'], ['credentials', 'Used credentials'], ['write', 'Wrote or ran'], ['exfil', 'Took large amounts']];

const Chain = ({ stages }) => html`<ol class="chain" aria-label="Stages of an intrusion">${chain.map(([name, words]) => {
  const s = stages.find((x) => x.name === name);
  return html`<li key=${name} class=${s ? 'reached' : ''}>${s ? html`<a href=${`#event-${s.seq}`} onClick=${(e) => jump(e, s.seq)}>${words}</a>` : html`<span>${words}</span>`}<span class="sr">${s ? ', reached' : ', not reached'}</span></li>`;
})}</ol>`;

// jump goes to an event of the story without changing the address, which names the
// view.
function jump(e, seq) {
  e.preventDefault();
  const to = document.getElementById(`event-${seq}`);
  to?.scrollIntoView({ block: 'center' });
  to?.focus();
}

// Back shows the honeytokens that a request carried, as its detections say.
function Back({ pins }) {
  const seen = new Map(pins.flatMap((p) => p.canaries_seen ?? []).map((c) => [`${c.id} ${c.position}`, c]));
  return [...seen].map(([key, c]) => html`<p class="token" key=${key}>Honeytoken <strong><${Text} s=${c.label || c.kind}/></strong> came back in <${Text} s=${c.position}/>${c.encoding && `, as ${c.encoding}`}; it was given to <${SessionLink} id=${c.origin_session}/>${c.same_session ? ' (this session)' : ''}.</p>`);
}

const Pin = ({ of }) => html`<div class=${'pin ' + of.detection.severity}><${Severity} of=${of.detection.severity}/> <a href=${href('detections', { rule_id: of.detection.rule_id })}>${of.detection.rule_id}</a> <${Text} s=${of.detection.summary}/>
  <${Unfold} id=${of.id} label="What the rule saw"/></div>`;

// served are the outcomes of requests that got what they asked for.
const served = ['result', 'accepted', 'route', 'stream_opened', 'stream_closed', 'session_ended'];

// Step is one request with its answer.
function Step({ of, before, pins, tokens }) {
  const gap = before ? Date.parse(of.time) - Date.parse(before.time) : 0;
  return html`<li id=${`event-${of.seq}`} tabindex="-1" class="step">
    <div class="when"><${Time} at=${of.time} long=${false}/>${before && html`<span class="quiet">+${span(Math.max(0, gap))}</span>`}</div>
    <div class="said">
      <div class="asks"><span class="arrow" aria-hidden="true">→</span><span class="sr">The client asks: </span><${What} of=${of}/>
        ${of.args !== undefined && html`<pre class="args" tabindex="0" role="region" aria-label="Arguments"><${Text} s=${JSON.stringify(of.args, null, 1)} limit=${1500} block=${true}/></pre>`}</div>
      <div class="answers"><span class="arrow" aria-hidden="true">←</span><span class="sr">The decoy answers: </span><span class=${served.includes(of.outcome) ? 'good' : 'odd'}>${of.outcome ?? 'nothing'}</span>${' '}<span class="quiet">${of.status ? `HTTP ${of.status}, ` : ''}${(of.latency_ms ?? 0).toFixed(0)} ms, ${count(of.result_bytes)} bytes</span></div>
      ${(of.canaries_minted ?? []).map((c) => html`<p class="token" key=${c.id}>Given: honeytoken <strong><${Text} s=${c.label || c.kind}/></strong> (${c.kind})${came(tokens.get(c.id))}</p>`)}
      <${Back} pins=${pins}/>
      ${pins.map((p) => html`<${Pin} of=${p} key=${p.id}/>`)}
      <${Unfold} id=${String(of.seq)} label="Request as it came"/>
    </div></li>`;
}

function came(token) {
  if (!token?.replays.length) return html`<span class="quiet">; has not come back</span>`;
  return html`; came back ${token.replays.map((r, i) => html`${i > 0 && ', '}<a key=${r.detection_id} href=${r.session_id ? href('story', { id: r.session_id }) : href('source', { ip: r.ip })}><${Time} at=${r.time}/> from <${Text} s=${r.ip}/></a>`)}`;
}

// joined puts an earlier page of a story before a later one.
const joined = (early, late) => ({ ...late, earlier: early.earlier, events: [...early.events, ...late.events], stages: [...early.stages, ...late.stages.filter((s) => !early.stages.some((x) => x.name === s.name))], canaries: [...early.canaries, ...late.canaries] });

export function Story({ params }) {
  const id = params.get('id') ?? '';
  const path = `/api/sessions/${encodeURIComponent(id)}/transcript`;
  const last = useData(path);
  const [early, setEarly] = useState(null);
  const [fault, setFault] = useState('');
  useEffect(() => setEarly(null), [path, last.data]);
  const feed = useLive();
  const fresh = feed.rows.filter(({ event }) => event.session_id === id && event.seq > (last.data?.events.at(-1)?.seq ?? Infinity)).length;
  const whole = early && last.data ? joined(early, last.data) : last.data;
  const more = async () => {
    try {
      const page = await get(query(path, { cursor: whole.earlier }));
      setEarly(early ? joined(page, early) : page);
      setFault('');
    } catch (e) {
      setFault(e.message);
    }
  };
  return html`<h1 tabindex="-1">Session <span class="code"><${Text} s=${id} limit=${64}/></span></h1>
    <${Whole} of=${last}>${() => html`<${Told} of=${whole} more=${more} fault=${fault}/>`}<//>
    <${News} n=${fresh} onShow=${last.reload}/>`;
}

function Told({ of, more, fault }) {
  const { pins, loose, tokens } = useMemo(() => arrange(of), [of]);
  const steps = of.events.filter((ev) => ev.kind === 'access');
  const s = of.session;
  return html`
    ${s && html`<p><${Source} ip=${s.ip}/> as <${Text} s=${[s.client?.name, s.client?.version].filter(Boolean).join(' ') || 'nobody in particular'}/> over ${s.transport || 'HTTP'}, <${Time} at=${s.first}/> to <${Time} at=${s.last}/>: ${count(s.calls)} calls, ${count(s.detections)} detections. <${Demo} on=${steps.some((x) => x.demo)}/></p>`}
    <${Chain} stages=${of.stages}/>
    ${of.earlier && html`<p><button onClick=${more}>Show what came before</button> ${fault && html`<span class="failure" role="alert">${fault}</span>`}</p>`}
    <${Back} pins=${loose}/>
    ${loose.map((p) => html`<${Pin} of=${p} key=${p.id}/>`)}
    <ol class="story" aria-label="Requests and answers">${steps.map((ev, i) => html`<${Step} key=${ev.seq} of=${ev} before=${steps[i - 1]} pins=${pins.get(ev.id) ?? []} tokens=${tokens}/>`)}</ol>
    <p class="exports">Download this session: <a href=${query('/api/export', { session_id: of.session?.id ?? of.events[0]?.session_id, kind: 'all', format: 'ndjson' })} download>NDJSON</a></p>`;
}

// arrange pins each detection to the request that set it off. Those whose request
// is not on the page stay loose.
function arrange(of) {
  const here = new Set(of.events.filter((ev) => ev.kind === 'access').map((ev) => ev.id));
  const pins = new Map();
  const loose = [];
  for (const ev of of.events.filter((x) => x.detection)) {
    const at = ev.detection.events?.[0];
    if (here.has(at)) pins.set(at, [...(pins.get(at) ?? []), ev]);
    else loose.push(ev);
  }
  return { pins, loose, tokens: new Map(of.canaries.map((c) => [c.id, c])) };
}
