// A race's page: charts by Plotly, drawn anew at most once a second while the race runs.
import { plotly, purge } from "./plotly.js";
import { number, decimal } from "./words.js";

const REDRAW_MS = 1000;
const ROWS = 12;
const SCALE = { waiting: 1, busy: 100, mean_s: 1 };
const UNIT = { waiting: "", busy: " %", mean_s: " s" };
const TEXT = {
  waiting: number,
  busy: (value) => `${number(Math.round(value * 100))} %`,
  mean_s: (value) => (value === null ? "–" : `${decimal(value)} s`),
};
const MOST_BUSY = 95;
const dark = matchMedia("(prefers-color-scheme: dark)");
let latest = null;
let timer = 0;
let revision = 0;

const board = () => document.querySelector("[data-charts]");

function traces(column, names, series) {
  return names.map((name, place) => ({
    type: "scatter",
    mode: "lines",
    name: document.querySelectorAll(".keys")[0]?.children[place]?.textContent.trim() ?? name,
    x: series.at_s,
    y: series.policies[name][column].map((value) => (value === null ? null : value * SCALE[column])),
    line: { color: getComputedStyle(document.querySelector(`.key-${place}`)).stroke, width: 2, dash: place ? "6px,3px" : "solid" },
    hovertemplate: `%{y:,.1~f}${UNIT[column]}`,
  }));
}

function axis(paint) {
  return { gridcolor: paint.line, linecolor: paint.line, zerolinecolor: paint.line, tickcolor: paint.line, fixedrange: true, rangemode: "tozero", automargin: false };
}

function layout(place, column) {
  const style = getComputedStyle(place);
  const paint = { ink: style.color, line: style.borderTopColor, paper: style.backgroundColor };
  const limit = { type: "line", xref: "paper", x0: 0, x1: 1, y0: MOST_BUSY, y1: MOST_BUSY, line: { color: paint.ink, width: 1, dash: "dot" } };
  return {
    autosize: true,
    height: place.clientHeight,
    margin: { l: 46, r: 12, t: 10, b: 40 },
    paper_bgcolor: paint.paper,
    plot_bgcolor: paint.paper,
    font: { family: style.fontFamily, size: 12, color: paint.ink },
    separators: ".,",
    showlegend: false,
    hovermode: "x unified",
    hoverlabel: { bgcolor: paint.paper, bordercolor: paint.line, font: { color: paint.ink, family: style.fontFamily, size: 12 } },
    xaxis: { ...axis(paint), title: { text: place.dataset.x, standoff: 6 }, nticks: 6, unifiedhovertitle: { text: `%{x:,.0f} s` } },
    yaxis: { ...axis(paint), ticksuffix: UNIT[column].trim() === "%" ? " %" : "", range: column === "busy" ? [0, 100] : undefined, nticks: 6 },
    shapes: column === "busy" ? [limit] : [],
    uirevision: "race",
    datarevision: revision,
  };
}

function fillTable(body, names, series) {
  const column = body.dataset.table;
  const last = series.at_s.length - 1;
  const steps = Math.min(ROWS, last + 1);
  const places = [...new Set([...Array(steps).keys()].map((step) => Math.round(step * last / Math.max(1, steps - 1))))];
  body.replaceChildren(...places.map((place) => {
    const row = document.createElement("tr");
    for (const text of [number(Math.round(series.at_s[place])), ...names.map((name) => TEXT[column](series.policies[name][column][place]))]) {
      const cell = document.createElement("td");
      cell.className = "num";
      cell.textContent = text;
      row.append(cell);
    }
    return row;
  }));
}

async function draw() {
  const root = board();
  timer = 0;
  if (!root || !latest?.at_s?.length || document.hidden) return;
  const names = root.dataset.policies.split(" ");
  let made;
  try {
    made = await plotly(root.dataset.library);
  } catch {
    return giveUp(root);
  }
  if (!root.isConnected) return;
  revision += 1;
  for (const place of root.querySelectorAll("[data-chart]")) {
    const column = place.dataset.chart;
    place.querySelector(".wait")?.remove();
    made.react(place, traces(column, names, latest), layout(place, column), { displayModeBar: false, responsive: true });
  }
}

function giveUp(root) {
  root.parentElement.querySelector("[data-no-charts]").hidden = false;
  for (const details of root.querySelectorAll("details")) details.open = true;
  for (const place of root.querySelectorAll("[data-chart]")) place.hidden = true;
}

function news(event) {
  const { state, progress } = event.detail;
  const spot = document.querySelector("[data-phase]");
  const phase = state === "queued" ? "queued" : progress.phase;
  if (spot && spot.dataset[phase]) spot.textContent = spot.dataset[phase];
  const root = board();
  if (!root || !progress.series?.at_s?.length) return;
  latest = progress.series;
  for (const body of root.querySelectorAll("[data-table]")) fillTable(body, root.dataset.policies.split(" "), latest);
  timer ||= setTimeout(draw, revision ? REDRAW_MS : 0);
}

function begin() {
  const root = board();
  if (!root || root.dataset.begun) return;
  root.dataset.begun = "1";
  const given = JSON.parse(root.dataset.series || "{}");
  if (given.at_s?.length) latest = given;
  plotly(root.dataset.library).catch(() => giveUp(root));
  draw();
}

begin();
document.addEventListener("patchbay:job", news);
document.addEventListener("htmx:beforeSwap", (event) => { if (event.target.id === "race-page") purge(); });
document.addEventListener("htmx:afterSettle", begin);
document.addEventListener("visibilitychange", () => { if (!document.hidden) draw(); });
dark.addEventListener("change", draw);
addEventListener("pagehide", purge);
addEventListener("pageshow", (event) => { if (event.persisted) draw(); });
