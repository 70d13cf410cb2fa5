// A rollout's page: a countdown, and two charts by Plotly, redrawn at most once a second.
import { plotly, purge } from "./plotly.js";

const REDRAW_MS = 1000;
const PLACE = { failed: [2, 3], p95: [4, 5] };
const dark = matchMedia("(prefers-color-scheme: dark)");
const board = document.querySelector("[data-rollout-charts]");
const holder = document.querySelector("[data-series-text]");
let timer = 0;
let revision = 0;

function trace(place, points, colour) {
  const column = PLACE[place.dataset.figure][colour === "green" ? 1 : 0];
  return {
    type: "scatter",
    mode: "lines",
    name: place.dataset[colour],
    x: points.map((point) => new Date(point[0] * 1000)),
    y: points.map((point) => point[column]),
    line: { color: getComputedStyle(board.querySelector(`.dot.${colour}`)).backgroundColor, width: 2, dash: colour === "green" ? "solid" : "6px,3px" },
    hovertemplate: `%{y:,.2~f}${place.dataset.unit}`,
  };
}

function layout(place) {
  const style = getComputedStyle(place);
  const axis = { gridcolor: style.borderTopColor, linecolor: style.borderTopColor, zerolinecolor: style.borderTopColor, fixedrange: true };
  return {
    autosize: true,
    height: place.clientHeight,
    margin: { l: 52, r: 12, t: 10, b: 40 },
    paper_bgcolor: style.backgroundColor,
    plot_bgcolor: style.backgroundColor,
    font: { family: style.fontFamily, size: 12, color: style.color },
    showlegend: false,
    hovermode: "x unified",
    hoverlabel: { bgcolor: style.backgroundColor, bordercolor: style.borderTopColor, font: { color: style.color, size: 12 } },
    xaxis: axis,
    yaxis: { ...axis, rangemode: "tozero" },
    uirevision: "rollout",
    datarevision: revision,
  };
}

async function draw() {
  timer = 0;
  const points = JSON.parse(holder.textContent || "[]");
  if (!points.length || document.hidden) { board.hidden = !points.length; return; }
  board.hidden = false;
  const made = await plotly(board.dataset.library).catch(() => null);
  if (!made) { board.hidden = true; return; }
  revision += 1;
  for (const place of board.querySelectorAll("[data-figure]")) {
    made.react(place, [trace(place, points, "blue"), trace(place, points, "green")], layout(place), { displayModeBar: false, responsive: true });
  }
}

function count() {
  for (const mark of document.querySelectorAll("time[data-countdown]")) {
    const left = Math.max(0, Math.round((new Date(mark.dateTime) - Date.now()) / 1000));
    mark.textContent = left < 120 ? `${left} s` : `${Math.floor(left / 60)} min ${left % 60} s`;
  }
}

const later = () => { timer ||= setTimeout(draw, REDRAW_MS); };
count();
setInterval(count, 1000);
new MutationObserver(later).observe(holder, { childList: true, characterData: true, subtree: true });
dark.addEventListener("change", draw);
document.addEventListener("visibilitychange", () => { if (!document.hidden) draw(); });
addEventListener("pagehide", purge);
draw();
