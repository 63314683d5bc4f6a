// The lists of events: logs and detections, with filters that are in the address.
import { html, Text, useEffect, useRef, useState } from './base.js';
import { query, useData, useLive } from './api.js';
import { Demo, News, Pager, Severity, SessionLink, Source, Table, Time, Whole, count, href } from './parts.js';
import { Unfold, What } from './event.js';

const severities = ['info', 'low', 'medium', 'high', 'critical'];
const kinds = ['access', 'detection', 'gap', 'guest_error', 'clock_step', 'canary', 'pack_stale', 'health', 'heartbeat', 'all'];

const fields = {
  kind: { label: 'Kind', choice: kinds, absent: 'access' }, ip: { label: 'Source' }, tool: { label: 'Tool', list: 'tools' }, mcp_method: { label: 'Method', list: 'methods' },
  outcome: { label: 'Outcome', list: 'outcomes' }, session_id: { label: 'Session' }, actor: { label: 'Actor' }, rule_id: { label: 'Rule', list: 'rules' },
  severity: { label: 'Severity', choice: severities }, min_severity: { label: 'At least', choice: severities }, from: { label: 'From', time: true }, to: { label: 'To', time: true },
};

// A field of a time takes local time; the address has it in UTC.
const toLocal = (text) => {
  const t = new Date(text);
  return text && !Number.isNaN(t.getTime()) ? new Date(t.getTime() - t.getTimezoneOffset() * 6e4).toISOString().slice(0, 19) : '';
};
const toUTC = (text) => {
  const t = new Date(text);
  return text && !Number.isNaN(t.getTime()) ? t.toISOString() : '';
};

function Filters({ names, values, onApply, lists }) {
  const [draft, set] = useState(values);
  const given = JSON.stringify(values);
  useEffect(() => set(JSON.parse(given)), [given]);
  const change = (n, v) => set((d) => ({ ...d, [n]: v }));
  const input = (n, f) => {
    const id = `filter-${n}`;
    if (f.choice) {
      return html`<select id=${id} name=${n} value=${draft[n] ?? f.absent ?? ''} onChange=${(e) => change(n, e.currentTarget.value)}>
        ${!f.absent && html`<option value="">any</option>`}${f.choice.map((c) => html`<option value=${c} key=${c} selected=${c === (draft[n] ?? f.absent)}>${c}</option>`)}</select>`;
    }
    if (f.time) return html`<input id=${id} name=${n} type="datetime-local" step="1" value=${toLocal(draft[n])} onChange=${(e) => change(n, toUTC(e.currentTarget.value))}/>`;
    return html`<input id=${id} name=${n} type="text" autocomplete="off" spellcheck=${false} maxlength="2048" list=${f.list && `list-${f.list}`} value=${draft[n] ?? ''} onInput=${(e) => change(n, e.currentTarget.value)}/>`;
  };
  return html`<form class="filters" role="search" onSubmit=${(e) => { e.preventDefault(); onApply(draft); }}>
    ${names.map((n) => html`<div class="field" key=${n}><label for=${`filter-${n}`}>${fields[n].label}</label>${input(n, fields[n])}</div>`)}
    ${Object.entries(lists).map(([name, all]) => html`<datalist id=${`list-${name}`} key=${name}>${all.map((v) => html`<option value=${v} key=${v}></option>`)}</datalist>`)}
    <div class="field actions"><button type="submit">Apply</button> <button type="button" onClick=${() => onApply({})}>Clear</button></div></form>`;
}

const picked = (names, params) => Object.fromEntries(names.filter((n) => params.get(n)).map((n) => [n, params.get(n)]));

// useWaiting counts what arrived since the list was loaded.
function useWaiting(which, key) {
  const feed = useLive();
  const since = useRef({ key: null, at: 0 });
  if (since.current.key !== key) since.current = { key, at: feed[which] };
  return [feed[which] - since.current.at, () => { since.current.at = feed[which]; }];
}

function useLists() {
  const tools = useData('/api/tools');
  const stats = useData('/api/stats');
  return {
    tools: tools.data?.tools ?? [], methods: Object.keys(stats.data?.methods ?? {}), outcomes: Object.keys(stats.data?.outcomes ?? {}), rules: (stats.data?.topRules ?? []).map((r) => r.name),
  };
}

const Total = ({ of, what }) => html`<p class="quiet" role="status">${of.total_exact ? '' : 'about '}${count(of.total)} ${what}${of.unreadable ? `, ${of.unreadable} damaged records were passed over` : ''}</p>`;

const logFields = ['kind', 'ip', 'tool', 'mcp_method', 'outcome', 'session_id', 'actor', 'rule_id', 'severity', 'min_severity', 'from', 'to'];

export function Logs({ params, go }) {
  const values = picked(logFields, params);
  const cursor = params.get('cursor') ?? '';
  const path = query('/api/logs', { ...values, limit: 100, cursor });
  const list = useData(path);
  const lists = useLists();
  const [waiting, seen] = useWaiting('arrived', path);
  const apply = (v, at) => go('logs', { ...v, cursor: at });
  return html`<h1 tabindex="-1">Logs</h1>
    <${Filters} names=${logFields} values=${values} lists=${lists} onApply=${(v) => apply(v)}/>
    <p class="exports">Download what matches: <a href=${query('/api/export', { ...values, format: 'csv' })} download>CSV</a> <a href=${query('/api/export', { ...values, format: 'ndjson' })} download>NDJSON</a></p>
    <${News} n=${cursor || list.loading ? 0 : waiting} onShow=${() => { seen(); list.reload(); }}/>
    <${Whole} of=${list} empty=${(d) => d.logs.length === 0 && !d.next && 'Nothing recorded matches.'}>${(d) => html`
      <${Total} of=${d} what="match"/>
      <${Table} caption="Events, the newest first" rows=${d.logs} rowKey=${(ev) => ev.seq} columns=${[
        { name: 'Time', cell: (ev) => html`<${Time} at=${ev.time}/>` }, { name: 'Source', cell: (ev) => html`<${Source} ip=${ev.ip}/>` },
        { name: 'What', wide: true, cell: (ev) => html`<${What} of=${ev}/> <${Demo} on=${ev.demo}/>` }, { name: 'Outcome', cell: (ev) => ev.outcome ?? '' },
        { name: 'Session', cell: (ev) => html`<${SessionLink} id=${ev.session_id}/>` },
        { name: 'Details', wide: true, cell: (ev) => html`<${Unfold} id=${String(ev.seq)} label=${html`<span class="code"><${Text} s=${ev.args ? JSON.stringify(ev.args) : 'request'} limit=${60}/></span>`}/>` },
      ]}/>
      <${Pager} first=${!cursor} next=${d.next} onNext=${(at) => apply(values, at)} onFirst=${() => apply(values)}/>`}<//>`;
}

const detectionFields = ['severity', 'min_severity', 'rule_id', 'ip', 'tool', 'mcp_method', 'session_id', 'actor', 'from', 'to'];

export function Detections({ params, go }) {
  const values = picked(detectionFields, params);
  const cursor = params.get('cursor') ?? '';
  const path = query('/api/detections', { ...values, limit: 100, cursor });
  const list = useData(path);
  const lists = useLists();
  const [waiting, seen] = useWaiting('found', path);
  const apply = (v, at) => go('detections', { ...v, cursor: at });
  return html`<h1 tabindex="-1">Detections</h1>
    <${Filters} names=${detectionFields} values=${values} lists=${lists} onApply=${(v) => apply(v)}/>
    <p class="exports">Download what matches: <a href=${query('/api/export', { ...values, kind: 'detection', format: 'csv' })} download>CSV</a> <a href=${query('/api/export', { ...values, kind: 'detection', format: 'ndjson' })} download>NDJSON</a></p>
    <${News} n=${cursor || list.loading ? 0 : waiting} onShow=${() => { seen(); list.reload(); }}/>
    <${Whole} of=${list} empty=${(d) => d.detections.length === 0 && !d.next && 'No rule has found anything that matches.'}>${(d) => html`
      <${Total} of=${d} what="detections"/>
      <${Table} caption="Detections, the newest first" rows=${d.detections} rowKey=${(x) => x.seq} columns=${[
        { name: 'Time', cell: (x) => html`<${Time} at=${x.time}/>` }, { name: 'Severity', cell: (x) => html`<${Severity} of=${x.severity}/>` },
        { name: 'Rule', cell: (x) => html`<a href=${href('detections', { rule_id: x.rule_id })}><${Text} s=${x.rule_id}/></a> <span class="quiet">${x.confidence} confidence</span> <${Demo} on=${x.demo}/>` },
        { name: 'Source', cell: (x) => html`<${Source} ip=${x.source_ip}/>` },
        { name: 'Why', wide: true, cell: (x) => html`<${Text} s=${x.summary}/> ${x.evidence_count > 1 && html`<span class="quiet">${count(x.evidence_count)} events</span>`} <span class="quiet">${[...(x.attack ?? []), ...(x.atlas ?? []), ...(x.owasp ?? [])].join(' ')}</span>` },
        { name: 'Session', cell: (x) => html`<${SessionLink} id=${x.session_id}/>` },
        { name: 'Details', wide: true, cell: (x) => html`<${Unfold} id=${x.detection_id} label=${x.evidence ? html`<span class="code"><${Text} s=${`${x.evidence.path}: ${x.evidence.snippet}`} limit=${80}/></span>` : 'detection'}/>` },
      ]}/>
      <${Pager} first=${!cursor} next=${d.next} onNext=${(at) => apply(values, at)} onFirst=${() => apply(values)}/>`}<//>`;
}
