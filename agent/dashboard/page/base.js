// What every module of the page builds on: Preact, htm bound to it, and text that
// shows what is in it.
import { h, render, createContext } from './vendor/preact.mjs';
import { useContext, useEffect, useLayoutEffect, useMemo, useRef, useState, useCallback } from './vendor/hooks.mjs';
import htm from './vendor/htm.mjs';

export const html = htm.bind(h);
export { render, createContext, useContext, useEffect, useLayoutEffect, useMemo, useRef, useState, useCallback };

// Characters that do not show or that move others: controls, format characters
// (bidi, zero width, tags), separators of lines, private use, lone surrogates.
const unseen = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cs}\u115f\u1160\u3164\uffa0\ufe00-\ufe0f\u{e0100}-\u{e01ef}]/u;
const unseenAll = new RegExp(unseen, 'gu');

const name = (c) => 'U+' + c.codePointAt(0).toString(16).toUpperCase().padStart(4, '0');

// shownAs is text for places that take no elements, such as titles.
export const shownAs = (s) => String(s ?? '').replace(unseenAll, (c) => `⟨${name(c)}⟩`);

// Text shows what somebody sent: as text, in its own direction, with characters
// written out that do not show. Line breaks of a block stay. What is cut off is
// counted where it matters (rest).
export function Text({ s, limit = 300, block = false, rest = true }) {
  s = String(s ?? '');
  const cut = s.length > limit;
  const parts = [];
  let plain = '';
  for (const c of cut ? s.slice(0, limit) : s) {
    if (!unseen.test(c) || (block && c === '\n')) {
      plain += c;
      continue;
    }
    if (plain) parts.push(plain);
    plain = '';
    parts.push(html`<span class="unseen">${name(c)}</span>`);
  }
  parts.push(plain);
  return html`<bdi class="theirs" title=${cut && !block ? shownAs(s.slice(0, 2000)) : undefined}>${parts}${cut && html`<span class="cut">…${rest && ` ${s.length - limit} more`}</span>`}</bdi>`;
}
