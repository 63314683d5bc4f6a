// Requests to the API, and the live feed.
import { useCallback, useEffect, useRef, useState } from './base.js';

// onLocked is called when the API wants the token.
let onLocked = () => {};
export const whenLocked = (f) => { onLocked = f; };

export class Failure extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

async function ask(path, options) {
  let answer;
  try {
    answer = await fetch(path, { credentials: 'same-origin', ...options });
  } catch (e) {
    if (e.name === 'AbortError') throw e;
    throw new Failure('the sensor does not answer', 0);
  }
  if (answer.status === 401 && path !== '/api/login') onLocked();
  if (!answer.ok) {
    const said = await answer.json().catch(() => ({}));
    throw new Failure(said.error || answer.statusText, answer.status);
  }
  return answer.status === 204 ? null : answer.json();
}

export const get = (path, signal) => ask(path, { signal });
export const post = (path, value) => ask(path, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: value && JSON.stringify(value) });

// query writes parameters, without those that are empty.
export function query(path, values) {
  const q = new URLSearchParams(Object.entries(values).filter(([, v]) => v !== '' && v !== undefined && v !== null));
  return q.size ? `${path}?${q}` : path;
}

// useData loads a path. What was there stays while it is loaded again, so that
// nothing jumps. every is in milliseconds; 0 loads once.
export function useData(path, every = 0) {
  const [state, set] = useState({ path: null, data: null, error: null });
  const again = useRef(() => {});
  const reload = useCallback(() => again.current(), []);
  useEffect(() => {
    let timer = 0;
    let stop = new AbortController();
    const load = async () => {
      clearTimeout(timer);
      stop.abort();
      stop = new AbortController();
      const own = stop;
      try {
        const data = await get(path, own.signal);
        if (own === stop && !own.signal.aborted) set({ path, data, error: null });
      } catch (error) {
        if (error.name === 'AbortError') return;
        if (own === stop) set((was) => ({ path, data: was.path === path ? was.data : null, error }));
      }
      if (every && own === stop && !own.signal.aborted) timer = setTimeout(load, every);
    };
    again.current = load;
    if (path) load();
    return () => { clearTimeout(timer); stop.abort(); };
  }, [path, every]);
  const fresh = state.path === path;
  return { data: fresh ? state.data : null, error: fresh ? state.error : null, loading: !fresh, reload };
}

// The live feed keeps the newest events for whoever shows them. Of a flood the
// sensor sends as many as eyes can follow, and says how many there were beside.
const rate = 50; // events a second
const kept = 50;
const tellEvery = 200; // milliseconds between two redraws

class Live {
  state = 'off'; // off, connecting, live, reconnecting
  rows = []; // newest first
  arrived = 0; // requests since the page was opened, those left out too
  found = 0; // detections
  listeners = new Set();
  timer = 0;
  tries = 0;

  listen(f) {
    this.listeners.add(f);
    return () => this.listeners.delete(f);
  }

  tell() {
    if (this.timer) return;
    this.timer = setTimeout(() => {
      this.timer = 0;
      for (const f of this.listeners) f();
    }, tellEvery);
  }

  become(state) {
    this.state = state;
    this.tell();
  }

  start() {
    if (this.source) return;
    this.become(this.tries ? 'reconnecting' : 'connecting');
    const source = new EventSource(`/api/events?rate=${rate}`);
    this.source = source;
    source.addEventListener('hello', (e) => {
      const { last } = JSON.parse(e.data);
      // What came while nobody listened is in the lists.
      if (this.seen && last > this.seen) this.arrived += last - this.seen;
      this.seen = last;
      this.tries = 0;
      this.become('live');
      if (this.rows.length === 0) this.recall();
    });
    source.addEventListener('log', (e) => this.add('log', e));
    source.addEventListener('detection', (e) => this.add('detection', e));
    source.addEventListener('sensor', () => this.tell());
    source.addEventListener('skipped', (e) => {
      const { count } = JSON.parse(e.data);
      this.arrived += count;
      this.seen += count;
      this.tell();
    });
    source.onerror = () => {
      this.stop('reconnecting');
      this.tries++;
      this.retry = setTimeout(() => {
        // A feed that is refused does not say why.
        get('/api/session').then((s) => s.admitted ? this.start() : onLocked(), () => this.start());
      }, Math.min(500 * 2 ** this.tries, 10000));
    };
  }

  // recall begins with what came last before the page was opened.
  async recall() {
    const { logs } = await get('/api/logs?limit=20').catch(() => ({ logs: [] }));
    const known = new Set(this.rows.map((r) => r.key));
    this.rows.push(...logs.map((event) => ({ kind: 'log', event, key: String(event.seq) })).filter((r) => !known.has(r.key)));
    this.tell();
  }

  // rest leaves the feed while nobody looks: a browser has only six connections to
  // a server without TLS, for all of its tabs.
  rest() {
    this.stop('connecting');
    this.rows = [];
  }

  stop(state = 'off') {
    clearTimeout(this.retry);
    this.source?.close();
    this.source = null;
    this.become(state);
  }

  add(kind, e) {
    const event = JSON.parse(e.data);
    this.seen = event.seq;
    if (kind === 'log') this.arrived++;
    else this.found++;
    this.rows.unshift({ kind, event, key: e.lastEventId });
    this.rows.length = Math.min(this.rows.length, kept);
    this.tell();
  }
}

export const live = new Live();

// useLive draws again when the feed has news.
export function useLive() {
  const [, draw] = useState(0);
  useEffect(() => live.listen(() => draw((n) => n + 1)), []);
  return live;
}
