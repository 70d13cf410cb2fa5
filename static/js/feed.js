// The badge of a page that watches a live table: live, paused, stale or waiting for telemetry; and its button to pause.
import { isPaused, on, pause } from "./live.js";
import { STALE_S } from "./stream.js";
import { duration, say } from "./words.js";

export const DASH = "–";
export const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
export const isOld = (rows, id) => { const age = rows.age(id); return age !== null && age > STALE_S; };

function condition(rows, words) {
  const silent = rows ? rows.silent() : performance.now() / 1000;
  const sources = rows?.sources.length ?? 0;
  const old = rows ? rows.ages.filter((age) => age + silent > STALE_S).length : 0;
  if (isPaused()) return ["is-off", words.paused, false];
  if (silent > STALE_S) return ["is-stale", fill(words.old, { age: duration(silent) }), true];
  if (!rows) return ["is-queued", say("connecting"), false];
  if (!sources) return ["is-off", words.waiting, false];
  if (old) return ["is-stale", fill(words.some_old, { n: old, all: sources }), false];
  return ["is-live", words.live, false];
}

// `find` gives the board with the badge and the button, which a sorted list brings anew; `live` the rows that are known,
// or null. Returns what shows their state.
export function badgeOf(find, words, live) {
  function show() {
    const board = find();
    const badge = board.querySelector("[data-fleet-state]");
    const pauser = board.querySelector("[data-fleet-pause]");
    const [css, text, allStale] = condition(live(), words);
    if (badge.textContent !== text) badge.textContent = text;
    if (badge.className !== `state ${css}`) badge.className = `state ${css}`;
    board.classList.toggle("all-stale", allStale);
    const action = isPaused() ? words.resume : words.pause;
    if (pauser.textContent !== action) pauser.textContent = action;
  }
  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-fleet-pause]")) return;
    pause();
    show();
  });
  on("paused", show);
  return show;
}
