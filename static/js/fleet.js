// The Fleet page: numbers of the stream "devices" into cells and table. Only what changed is written; nothing moves.
import { DASH, badgeOf, fill, isOld as oldIn } from "./feed.js";
import { isPaused, on } from "./live.js";
import { STALE_S, subscribe, watchAges } from "./stream.js";

const board = document.querySelector("[data-fleet]");
const { metrics, words } = JSON.parse(board.dataset.script);
const STATES = ["ready", "cordoned", "draining", "gone"];
const NEWS_MS = 1500;
const heat = board.querySelector("[data-heat]");
const readout = board.querySelector("[data-readout]");
const badge = board.querySelector("[data-fleet-state]");
const cells = new Map();
const spots = new Map();
const stale = new Map();
let metric = board.dataset.metric;
let rows = null;
let dirty = new Set();
let drawing = 0;
let pointed = null;
let show = null;

const gather = (map, id, one) => { if (map.has(id)) map.get(id).push(one); else map.set(id, [one]); };

for (const element of board.querySelectorAll("a.cell[data-id]")) {
  gather(cells, Number(element.dataset.id), { element, text: element.firstChild, css: element.className, label: "" });
}
for (const element of board.querySelectorAll("td[data-of]")) gather(spots, Number(element.dataset.of), element);

function shown(id, name) {
  const value = rows.value(id, name);
  return value === null ? DASH : String(Math.round(value * metrics[name].factor));
}

const told = (text, name) => (text === DASH || !metrics[name].unit ? text : `${text} ${metrics[name].unit}`);

function level(text, name) {
  if (text === DASH) return "none";
  const { steps } = metrics[name];
  let at = 0;
  while (at < steps.length && Number(text) >= steps[at]) at += 1;
  return `l${at}`;
}

const isOld = (id) => oldIn(rows, id);

function drawCell(id, cell) {
  const text = shown(id, metric);
  const state = STATES[rows.value(id, "state") ?? 0];
  const old = isOld(id);
  const css = `cell ${level(text, metric)}${old ? " stale" : ""}${state === "ready" ? "" : ` at-${state}`}`;
  if (cell.text.nodeValue !== text) cell.text.nodeValue = text;
  if (cell.css !== css) { cell.css = css; cell.element.className = css; }
  const label = `${cell.element.dataset.name}, ${metrics[metric].word} ${told(text, metric)}${state === "ready" ? "" : `, ${words[state]}`}${old ? `, ${words.stale}` : ""}`;
  if (cell.label !== label) { cell.label = label; cell.element.setAttribute("aria-label", label); }
}

function drawSpot(id, spot) {
  const name = spot.dataset.value;
  const text = told(shown(id, name), name);
  if (spot.textContent !== text) spot.textContent = text;
  spot.classList.toggle("old", isOld(id));
}

function draw() {
  drawing = 0;
  for (const id of dirty) {
    for (const cell of cells.get(id) ?? []) drawCell(id, cell);
    for (const spot of spots.get(id) ?? []) drawSpot(id, spot);
  }
  if (pointed && dirty.has(Number(pointed.dataset.id))) point(pointed);
  dirty = new Set();
}

function later(ids) {
  for (const id of ids) dirty.add(id);
  if (dirty.size) drawing ||= requestAnimationFrame(draw);
}

function point(cell) {
  pointed = cell;
  const id = Number(cell.dataset.id);
  const parts = [cell.dataset.name, cell.dataset.about];
  if (rows?.at.has(id)) {
    for (const name of Object.keys(metrics)) parts.push(`${metrics[name].word} ${told(shown(id, name), name)}`);
    const age = rows.age(id);
    if (age !== null) parts.push(fill(words.ago, { n: Math.round(age) }));
  } else parts.push(cell.getAttribute("aria-label"));
  readout.textContent = parts.join(" · ");
}

function scaled(value, [small, large], step) {
  if (value === null || value === undefined) return DASH;
  return value < 1000 * step ? `${(value / step).toFixed(0)} ${small}` : `${(value / step / 1000).toFixed(1)} ${large}`;
}

function totals({ more }) {
  const text = {
    devices: more.devices,
    reporting: fill(words.reporting, { n: more.reporting, all: more.devices }),
    utilization: more.utilization === null ? DASH : `${(more.utilization * 100).toFixed(0)} %`,
    memory_used: scaled(more.memory_used, ["GB", "TB"], 1e9),
    memory_total: scaled(more.memory_total, ["GB", "TB"], 1e9),
    power_w: scaled(more.power_w, ["W", "kW"], 1),
  };
  for (const place of board.querySelectorAll("[data-total]")) {
    const now = String(text[place.dataset.total]);
    if (place.textContent.trim() !== now) place.textContent = now;
  }
}

// Cells of a source that fell silent, or came back, since the last look.
function look(live) {
  rows = live.seq ? live : null;
  show();
  if (!rows) return;
  const flipped = new Set();
  rows.sources.forEach((source, at) => {
    const old = rows.ages[at] + rows.silent() > STALE_S;
    if (stale.has(at) && stale.get(at) !== old) flipped.add(at);
    stale.set(at, old);
  });
  if (!flipped.size || rows.silent() > STALE_S) return;
  later(rows.ids.filter((_, at) => flipped.has(rows.sourceOf[at])));
  renew();
}

// Devices that came since the page was made are counted, and shown when the person says so.
function offerNew(live) {
  if (!("every" in board.dataset)) return;
  const button = board.querySelector("[data-new-devices]");
  const n = live.ids.filter((id) => !cells.has(id)).length;
  button.classList.toggle("hidden", n === 0);
  button.textContent = fill(words.new_devices, { n });
}

let renewing = 0;

// What changed lately is asked for again a moment after something did; many tabs do not ask at once.
function renew() {
  const place = document.getElementById("fleet-news");
  if (!place || isPaused() || document.hidden) return;
  renewing ||= setTimeout(() => { renewing = 0; window.htmx.trigger(place, "news"); }, NEWS_MS * (0.5 + Math.random()));
}

// What a person opened stays open when it is read anew.
function keepOpen(place) {
  let open = false;
  place.addEventListener("htmx:beforeSwap", () => { open = place.querySelector("details").open; });
  place.addEventListener("htmx:afterSwap", () => { place.querySelector("details").open = open; });
}

function choose(link) {
  metric = link.dataset.metric;
  for (const other of link.parentElement.children) other.toggleAttribute("aria-current", false);
  link.setAttribute("aria-current", "true");
  for (const legend of board.querySelectorAll("[data-legend]")) legend.classList.toggle("hidden", legend.dataset.legend !== metric);
  history.replaceState(null, "", link.href);
  later(cells.keys());
}

const visible = () => [...heat.querySelectorAll("a.cell")].filter((cell) => !cell.hidden && !cell.closest("[hidden]"));

function nearest(all, from, down) {
  const here = from.getBoundingClientRect();
  let best = null;
  let least = Infinity;
  for (const cell of all) {
    const spot = cell.getBoundingClientRect();
    const rise = down ? spot.top - here.top : here.top - spot.top;
    const far = rise * 10 + Math.abs(spot.left - here.left);
    if (rise > 4 && far < least) { least = far; best = cell; }
  }
  return best;
}

function move(event) {
  const from = event.target.closest("a.cell");
  if (!from || event.ctrlKey || event.altKey || event.metaKey) return;
  const all = visible();
  const at = all.indexOf(from);
  const go = {
    ArrowRight: () => all[at + 1],
    ArrowLeft: () => all[at - 1],
    ArrowDown: () => nearest(all, from, true),
    ArrowUp: () => nearest(all, from, false),
    Home: () => all[0],
    End: () => all.at(-1),
  }[event.key];
  if (!go) return;
  event.preventDefault();
  const next = go();
  if (next) { rove(next); next.focus(); }
}

function rove(to) {
  for (const cell of heat.querySelectorAll('a.cell:not([tabindex="-1"])')) cell.tabIndex = -1;
  to.tabIndex = 0;
}

function filter(text) {
  const wanted = text.trim().toLowerCase();
  const says = ({ dataset, pathname }) => `${dataset.name} ${dataset.about} ${decodeURIComponent(pathname)} ${dataset.find}`.toLowerCase();
  for (const block of heat.querySelectorAll(".block")) {
    const inside = [...block.querySelectorAll("a.cell")];
    for (const cell of inside) cell.hidden = Boolean(wanted) && !says(cell).includes(wanted);
    block.hidden = inside.every((cell) => cell.hidden);
  }
  const all = visible();
  document.querySelector("[data-none-found]").classList.toggle("hidden", all.length > 0);
  if (all.length && !all.some((cell) => cell.tabIndex === 0)) rove(all[0]);
}

function startHeat() {
  board.querySelector("[data-metric-switch]").addEventListener("click", (event) => {
    const link = event.target.closest("a[data-metric]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || !rows) return;
    event.preventDefault();
    choose(link);
  });
  heat.addEventListener("keydown", move);
  heat.addEventListener("focusin", (event) => { const cell = event.target.closest("a.cell"); rove(cell); point(cell); });
  heat.addEventListener("pointerover", (event) => { const cell = event.target.closest("a.cell"); if (cell) point(cell); });
  board.querySelector("[data-search]").addEventListener("input", (event) => filter(event.target.value));
}

if (badge) {
  if (heat) startHeat();
  show = badgeOf(() => board, words, () => rows);
  const place = document.getElementById("fleet-news");
  if (place) keepOpen(place);
  for (const topic of ["fleet", "alerts"]) on(topic, renew);
  subscribe("devices", null, ({ rows: live, changed, whole }) => {
    rows = live;
    later(changed);
    totals(live);
    if (whole) offerNew(live);
    show();
  });
  board.querySelector("[data-new-devices]").addEventListener("click", () => location.reload());
  watchAges("devices", look);
}
