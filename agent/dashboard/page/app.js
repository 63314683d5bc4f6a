// The page: its frame, the way from an address to a view, and the log-in.
import { html, render, useCallback, useEffect, useLayoutEffect, useRef, useState } from './base.js';
import { get, live, post, useLive, whenLocked } from './api.js';
import { Settings, href } from './parts.js';
import { Overview } from './overview.js';
import { Detections, Logs } from './lists.js';
import { Sessions, Story } from './story.js';
import { Honeytokens, Sensor, Source, Sources } from './places.js';

const views = {
  overview: { name: 'Overview', view: Overview }, detections: { name: 'Detections', view: Detections }, sessions: { name: 'Sessions', view: Sessions }, sources: { name: 'Sources', view: Sources },
  honeytokens: { name: 'Honeytokens', view: Honeytokens }, logs: { name: 'Logs', view: Logs }, sensor: { name: 'Sensor', view: Sensor },
  story: { under: 'sessions', name: 'Session', view: Story }, source: { under: 'sources', name: 'Source', view: Source },
};

function place() {
  const [, view = '', q = ''] = /^#\/([a-z]*)(?:\?(.*))?$/s.exec(location.hash) ?? [];
  return { view: views[view] ? view : 'overview', params: new URLSearchParams(q) };
}

function usePlace() {
  const [at, set] = useState(place);
  useEffect(() => {
    const changed = () => set(place());
    addEventListener('hashchange', changed);
    return () => removeEventListener('hashchange', changed);
  }, []);
  return at;
}

// remembered keeps a setting in this browser. One that keeps nothing still works.
function remembered(key, absent) {
  try { return localStorage.getItem(key) ?? absent; } catch { return absent; }
}

function useRemembered(key, absent) {
  const [value, set] = useState(() => remembered(key, absent));
  const change = (v) => {
    set(v);
    try { localStorage.setItem(key, v); } catch { /* for this time only */ }
  };
  return [value, change];
}

function Login({ onOpen }) {
  const [token, set] = useState('');
  const [fault, setFault] = useState('');
  const field = useRef(null);
  useEffect(() => field.current.focus(), []);
  const enter = async (e) => {
    e.preventDefault();
    try {
      await post('/api/login', { token });
      onOpen();
    } catch (error) {
      setFault(error.status === 401 ? 'This is not the token.' : error.message);
      set('');
      field.current.focus();
    }
  };
  return html`<main class="login"><h1>Killdeer</h1><form onSubmit=${enter}>
    <label for="token">Token of this dashboard</label>
    <input id="token" ref=${field} type="password" autocomplete="current-password" required value=${token} onInput=${(e) => set(e.currentTarget.value)} aria-describedby="fault"/>
    <button type="submit">Open</button><p id="fault" class="failure" role="alert">${fault}</p></form></main>`;
}

const said = { off: 'Offline', connecting: 'Connecting', live: 'Live', reconnecting: 'Reconnecting' };

function Dot() {
  const feed = useLive();
  return html`<span class=${'dot ' + feed.state} role="status">${said[feed.state]}</span>`;
}

const themes = { auto: 'As the system', light: 'Light', dark: 'Dark' };

function App() {
  const at = usePlace();
  const [locked, lock] = useState(null); // null until the sensor has said
  const [zone, setZone] = useRemembered('zone', 'local');
  const [theme, setTheme] = useRemembered('theme', 'auto');
  const go = useCallback((view, values = {}) => { location.hash = href(view, values); }, []);
  const main = useRef(null);
  const first = useRef(true);
  const [guarded, guard] = useState(true);
  const [fault, setFault] = useState('');
  const knock = useCallback(() => get('/api/session').then((s) => { guard(s.token); setFault(''); lock(!s.admitted); }, (e) => setFault(e.message)), []);
  useEffect(() => {
    whenLocked(() => { live.stop(); lock(true); });
    knock();
  }, []);
  useEffect(() => {
    if (locked !== false) return undefined;
    const look = () => (document.hidden ? live.rest() : live.start());
    look();
    document.addEventListener('visibilitychange', look);
    return () => { document.removeEventListener('visibilitychange', look); live.stop(); };
  }, [locked]);
  useLayoutEffect(() => {
    if (theme === 'auto') delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    dispatchEvent(new Event('themechange'));
  }, [theme]);
  useEffect(() => {
    document.title = `${views[at.view].name} · Killdeer`;
    if (!first.current) main.current?.querySelector('h1')?.focus();
    first.current = false;
  }, [at.view, at.params.get('id'), at.params.get('ip')]);
  if (locked === null) return html`<p class="note" role="status">${fault ? html`<span class="failure">${fault}. </span><button onClick=${knock}>Try again</button>` : 'Asking the sensor.'}</p>`;
  if (locked) return html`<${Login} onOpen=${() => lock(false)}/>`;
  const View = views[at.view].view;
  const current = views[at.view].under ?? at.view;
  const out = async () => {
    await post('/api/logout').catch(() => {});
    live.stop();
    lock(true);
  };
  return html`<${Settings.Provider} value=${{ utc: zone === 'utc' }}>
    <a class="skip" href="#main" onClick=${(e) => { e.preventDefault(); main.current.focus(); }}>Skip to the content</a>
    <header><a class="brand" href="#/overview">Killdeer</a> <${Dot}/>
      <nav aria-label="Views"><ul>${Object.entries(views).filter(([, v]) => !v.under).map(([key, v]) => html`<li key=${key}><a href=${href(key)} aria-current=${key === current ? 'page' : undefined}>${v.name}</a></li>`)}</ul></nav>
      <div class="settings">
        <label class="sr" for="zone">Times</label><select id="zone" value=${zone} onChange=${(e) => setZone(e.currentTarget.value)}><option value="local" selected=${zone === 'local'}>Local time</option><option value="utc" selected=${zone === 'utc'}>UTC</option></select>
        <label class="sr" for="theme">Colours</label><select id="theme" value=${theme} onChange=${(e) => setTheme(e.currentTarget.value)}>${Object.entries(themes).map(([k, v]) => html`<option value=${k} key=${k} selected=${theme === k}>${v}</option>`)}</select>
        ${guarded && html`<button onClick=${out}>Log out</button>`}</div></header>
    <main id="main" ref=${main} tabindex="-1" key=${at.view}><${View} params=${at.params} go=${go}/></main>
  <//>`;
}

document.getElementById('app').textContent = '';
render(html`<${App}/>`, document.getElementById('app'));
