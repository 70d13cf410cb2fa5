// A device's page: sixty minutes of trends by Plotly, read again every ten seconds, with a table beside each; links to a moment.
import { plotly, purge } from "./plotly.js";
import { ask } from "./session.js";
import { subscribe } from "./stream.js";
import { decimal, language } from "./words.js";

const REREAD_MS = 10_000;
const ROWS = 12;
const SHAPE = ["solid", "8px,4px", "2px,3px", "8px,3px,2px,3px"];
const CALM = 0x1 | 0x2 | 0x10 | 0x100;
const dark = matchMedia("(prefers-color-scheme: dark)");
const root = document.querySelector("[data-trends]");
const link = document.querySelector("[data-moment-link]");
const clock = new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
let found = null;
let times = [];
let readAt = 0;
let busy = false;
let revision = 0;

const names = (place, side) => place.dataset[side].split(" ").filter(Boolean);
const moment = (at) => new Date((found.start + at * found.step) * 1000);
const scaled = (place, name) => found.columns[name].map((value) => (value === null ? null : value * (names(place, "right").includes(name) ? 1 : Number(place.dataset.scale))));

function traces(place) {
  const lines = place.parentElement.querySelectorAll(".keys [data-key]");
  return [...lines].filter((key) => key.querySelector(".line") && found.columns[key.dataset.key]).map((key) => {
    const name = key.dataset.key;
    const right = names(place, "right").includes(name);
    return {
      type: "scatter",
      mode: "lines",
      name: key.textContent.trim(),
      x: times,
      y: scaled(place, name),
      yaxis: right ? "y2" : "y",
      connectgaps: false,
      line: { color: getComputedStyle(key.querySelector(".line")).stroke, width: 1.8, dash: SHAPE[[...lines].indexOf(key)] },
      hovertemplate: `%{y:,.4~g} ${right ? place.dataset.rightUnit : place.dataset.unit}`,
    };
  });
}

// Spans in which clocks were held down by more than idleness or a setting.
function bands(place) {
  const mask = found.columns.throttle_reasons;
  const band = place.parentElement.querySelector(".band");
  if (!band || !mask) return [];
  const fill = getComputedStyle(band).backgroundColor;
  const spans = [];
  mask.forEach((bits, at) => {
    if (bits === null || !(bits & ~CALM)) return;
    if (spans.at(-1)?.[1] === at) spans.at(-1)[1] = at + 1;
    else spans.push([at, at + 1]);
  });
  return spans.slice(-60).map(([x0, x1]) => ({ type: "rect", xref: "x", yref: "paper", x0: moment(x0), x1: moment(x1), y0: 0, y1: 1, fillcolor: fill, line: { width: 0 }, layer: "below" }));
}

function layout(place) {
  const style = getComputedStyle(place);
  const line = style.borderTopColor;
  const axis = { gridcolor: line, linecolor: line, zerolinecolor: line, fixedrange: true };
  const right = names(place, "right").some((name) => found.columns[name]);
  return {
    autosize: true,
    height: place.clientHeight,
    margin: { l: 58, r: right ? 58 : 14, t: 8, b: 28 },
    paper_bgcolor: style.backgroundColor,
    plot_bgcolor: style.backgroundColor,
    font: { family: style.fontFamily, size: 12, color: style.color },
    separators: ".,",
    showlegend: false,
    hovermode: "x unified",
    hoverlabel: { bgcolor: style.backgroundColor, bordercolor: line, font: { color: style.color, family: style.fontFamily, size: 12 } },
    xaxis: { ...axis, type: "date", tickformat: "%H:%M", nticks: 7, range: [new Date((found.end - 3600) * 1000), new Date(found.end * 1000)], unifiedhovertitle: { text: "%{x|%H:%M:%S}" } },
    yaxis: { ...axis, rangemode: "tozero", nticks: 5, ticksuffix: ` ${place.dataset.unit}`, ...(place.dataset.unit === "%" && { range: [0, 101], dtick: 25 }) },
    ...(right && { yaxis2: { ...axis, overlaying: "y", side: "right", rangemode: "tozero", nticks: 5, tickmode: "auto", ticksuffix: ` ${place.dataset.rightUnit}`, showgrid: false } }),
    shapes: bands(place),
    uirevision: "trends",
    datarevision: revision,
  };
}

function cell(kind, text, className = "num") {
  const made = document.createElement(kind);
  made.className = className;
  made.textContent = text;
  return made;
}

function fillTable(place) {
  const keys = [...place.parentElement.querySelectorAll(".keys [data-key]")].filter((key) => key.querySelector(".line") && found.columns[key.dataset.key]);
  const table = place.parentElement.querySelector("table");
  const unit = (key) => (names(place, "right").includes(key.dataset.key) ? place.dataset.rightUnit : place.dataset.unit);
  table.querySelector("thead tr").replaceChildren(cell("th", root.dataset.time, ""), ...keys.map((key) => cell("th", `${key.textContent.trim()}`)));
  const step = Math.max(1, Math.round(3600 / found.step / ROWS));
  const rows = times.map((_, at) => at).filter((at) => (times.length - 1 - at) % step === 0).reverse();
  table.querySelector("tbody").replaceChildren(...rows.map((at) => {
    const row = document.createElement("tr");
    const texts = keys.map((key) => scaled(place, key.dataset.key)[at]).map((value, which) => (value === null ? "–" : `${decimal(value)} ${unit(keys[which])}`));
    row.append(cell("td", clock.format(times[at]), ""), ...texts.map((text) => cell("td", text)));
    return row;
  }));
}

function known(place) {
  for (const key of place.parentElement.querySelectorAll(".keys [data-key]")) key.hidden = !found.columns[key.dataset.key];
  const any = [...names(place, "left"), ...names(place, "right")].some((name) => found.columns[name]);
  place.hidden = !any;
  place.parentElement.querySelector(".trend-none").hidden = any;
  place.parentElement.querySelector("details").hidden = !any;
  return any;
}

async function draw() {
  if (!found || document.hidden) return;
  const places = [...root.querySelectorAll(".trend")].filter(known);
  places.forEach(fillTable);
  const made = await plotly(root.dataset.library).catch(() => null);
  if (!made) return giveUp();
  revision += 1;
  for (const place of places) {
    if (place.contains(document.activeElement)) continue;
    place.querySelector(".wait")?.remove();
    made.react(place, traces(place), layout(place), { displayModeBar: false, responsive: true });
  }
  root.dataset.drawn = String(revision);
}

function giveUp() {
  document.querySelector("[data-no-trends]").hidden = false;
  for (const details of root.querySelectorAll("details")) details.open = true;
  for (const place of root.querySelectorAll(".trend")) place.hidden = true;
}

async function read() {
  if (busy || document.hidden) return;
  busy = true;
  readAt = Date.now();
  const query = root.dataset.at ? `?${new URLSearchParams({ at: root.dataset.at })}` : "";
  const answer = await ask(root.dataset.trends + query).catch(() => null);
  busy = false;
  if (!answer?.ok) return;
  found = await answer.json();
  const points = Math.max(0, ...Object.values(found.columns).map((column) => column.length));
  times = Array.from({ length: points }, (_, at) => moment(at));
  await draw();
}

function begin() {
  const seen = new IntersectionObserver((entries) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    seen.disconnect();
    read();
    if (!root.dataset.at) document.addEventListener("patchbay:tick", () => { if (Date.now() - readAt >= REREAD_MS) read(); });
  }, { rootMargin: "200px" });
  seen.observe(root);
}

// The values of the second, as the server words them; which series there are comes with the page, read again at each tick.
function follow() {
  subscribe(`device/${root.dataset.device}`, null, ({ rows }) => {
    const { texts, age } = rows.more;
    for (const spot of document.querySelectorAll("[data-value]")) {
      const text = texts[spot.dataset.value];
      if (text !== undefined && spot.textContent !== text) spot.textContent = text;
    }
    const mark = document.querySelector("[data-values-age] time");
    if (mark && age !== null) mark.dateTime = new Date(Date.now() - age * 1000).toISOString();
  });
}

// Pointing at what is copied: a page of now links to the second in which the button is pressed.
function pointLink() {
  const at = root.dataset.at ?? `${new Date().toISOString().slice(0, 19)}Z`;
  link.textContent = `${link.dataset.base}?${new URLSearchParams({ at })}`;
}

pointLink();
if (root.dataset.device) follow();
document.addEventListener("click", (event) => { if (event.target.closest('[data-copy="#moment-link"]')) pointLink(); }, true);
document.addEventListener("keydown", (event) => { if (event.key === "Escape" && document.activeElement?.matches(".term")) document.activeElement.blur(); });
begin();
document.addEventListener("visibilitychange", () => { if (!document.hidden && found && !root.dataset.at) read(); });
dark.addEventListener("change", draw);
addEventListener("pagehide", purge);
addEventListener("pageshow", (event) => { if (event.persisted) draw(); });
