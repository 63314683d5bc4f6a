// One event, with its request as it came.
import { html, Text, useState } from './base.js';
import { useData } from './api.js';
import { Demo, Severity, SessionLink, Source, Time, Whole } from './parts.js';

// decoded shows bytes that are no text: as Latin-1, so that each is one character.
const decoded = (b64) => atob(b64);

function pretty(value) {
  return typeof value === 'string' ? value : JSON.stringify(value, null, 2);
}

const Row = ({ name, children }) => html`<div class="pair"><dt>${name}</dt><dd>${children}</dd></div>`;
const Block = ({ name, text }) => text ? html`<h4>${name}</h4><pre tabindex="0" role="region" aria-label=${name}><${Text} s=${text} limit=${70000} block=${true}/></pre>` : null;

function Fields({ of }) {
  const pairs = [
    ['Session', of.session_id && html`<${SessionLink} id=${of.session_id} short=${64}/>`], ['Actor', of.actor], ['Peer', of.peer], ['Transport', of.transport],
    ['Request', of.method && html`<${Text} s=${`${of.method} ${of.path ?? ''}`}/>`], ['User agent', of.ua && html`<${Text} s=${of.ua}/>`],
    ['Client', of.client && html`<${Text} s=${[of.client.name, of.client.version, of.client.title].filter(Boolean).join(' ')}/>`],
    ['Protocol', of.protocol && html`<${Text} s=${of.protocol}/>`], ['Method', of.mcp_method && html`<${Text} s=${of.mcp_method}/>`],
    ['Tool', of.tool && html`<${Text} s=${of.tool}/>`], ['Resource', of.uri && html`<${Text} s=${of.uri}/>`], ['Prompt', of.prompt && html`<${Text} s=${of.prompt}/>`],
    ['Reason given', of.justification && html`<${Text} s=${of.justification} limit=${2000}/>`],
    ['Outcome', of.outcome && `${of.outcome}${of.status ? `, HTTP ${of.status}` : ''}, ${(of.latency_ms ?? 0).toFixed(1)} ms, ${of.result_bytes ?? 0} bytes`],
    ['Error', of.error && html`<${Text} s=${of.error}/>`], ['Persona', of.persona], ['Own traffic', of.operator && html`<${Text} s=${of.operator}/>`],
    ['Body', of.body && `${of.body.size} bytes, SHA-256 ${of.body.sha256}${of.body.cut ? ', cut' : ''}`],
  ];
  return html`<dl class="pairs">${pairs.filter(([, v]) => v).map(([k, v]) => html`<${Row} name=${k} key=${k}>${v}<//>`)}</dl>`;
}

// Details shows all of an event.
export function Details({ id }) {
  const all = useData(`/api/logs/${encodeURIComponent(id)}`);
  return html`<${Whole} of=${all}>${(ev) => html`<div class="details">
    <p class="quiet">Number ${ev.seq}, <${Time} at=${ev.time}/>, ${ev.id} <${Demo} on=${ev.demo}/></p>
    ${ev.detection && html`<p><${Severity} of=${ev.detection.severity}/> ${ev.detection.rule_id}: <${Text} s=${ev.detection.summary}/></p>`}
    <${Fields} of=${ev}/>
    <${Block} name="Arguments" text=${ev.args !== undefined ? pretty(ev.args) : ''}/>
    ${ev.detection && html`<${Block} name="Evidence" text=${ev.detection.evidence ? `${ev.detection.evidence.path}: ${ev.detection.evidence.snippet}` : ''}/>`}
    <${Block} name="Request head" text=${ev.head || (ev.head_base64 && decoded(ev.head_base64))}/>
    <${Block} name="Request body" text=${ev.body?.text || (ev.body?.base64 && decoded(ev.body.base64))}/>
    ${['gap', 'guest', 'clock', 'canary', 'pack', 'health', 'heartbeat'].map((k) => html`<${Block} key=${k} name=${k} text=${ev[k] ? pretty(ev[k]) : ''}/>`)}
  </div>`}<//>`;
}

// Unfold shows an event's details when it is opened, and loads them then.
export function Unfold({ id, label }) {
  const [open, set] = useState(false);
  return html`<details open=${open} onToggle=${(e) => set(e.currentTarget.open)}><summary>${label}</summary>${open && html`<${Details} id=${id}/>`}</details>`;
}

// What says in a few words what an event was.
export function What({ of }) {
  if (of.rule_id) return html`<${Severity} of=${of.severity}/> ${of.rule_id} <${Text} s=${of.summary} limit=${160}/>`;
  if (of.detection) return html`<${Severity} of=${of.detection.severity}/> ${of.detection.rule_id} <${Text} s=${of.detection.summary} limit=${160}/>`;
  if (of.kind && of.kind !== 'access') return html`<span class="label">${of.kind}</span> <${Text} s=${of.canary?.label ?? of.health?.detail ?? of.gap?.reason ?? of.guest?.code ?? ''} limit=${80}/>`;
  const name = of.mcp_method || [of.event, of.method, of.path].filter(Boolean).join(' ');
  return html`<span class="code"><${Text} s=${name} limit=${60}/></span> ${of.tool && html`<strong><${Text} s=${of.tool} limit=${80}/></strong>`}${of.uri && html`<${Text} s=${of.uri} limit=${80}/>`}${of.prompt && html`<${Text} s=${of.prompt} limit=${80}/>`}`;
}

export { Source };
