// Models on GPUs: numbers of a live table into the cells that are there. No row moves; new ones are offered by patch.js.
import { DASH, badgeOf, isOld } from "./feed.js";
import { subscribe, watchAges } from "./stream.js";

const board = () => document.querySelector("[data-hosted]");
const { stream, formats, words } = JSON.parse(board().dataset.script);
let rows = null;
let drawing = 0;

function text(spot) {
  const { factor, digits, unit } = formats[spot.dataset.value];
  const value = rows.value(Number(spot.dataset.of), spot.dataset.value);
  if (value === null) return DASH;
  const told = (value * factor).toFixed(digits).replace(/\B(?=(\d{3})+(?!\d))/g, digits ? "" : ",");
  return unit ? `${told} ${unit}` : told;
}

// Board and cells are looked for each time: a page that was read again or sorted has others.
function draw() {
  drawing = 0;
  if (!rows) return;
  for (const spot of board().querySelectorAll("[data-of]")) {
    if (!rows.at.has(Number(spot.dataset.of))) continue;
    const now = text(spot);
    if (spot.textContent.trim() !== now) spot.textContent = now;
    spot.classList.toggle("old", isOld(rows, Number(spot.dataset.of)));
  }
}

const show = badgeOf(board, words, () => rows);

function take(live) {
  rows = live.seq ? live : null;
  show();
  if (rows) drawing ||= requestAnimationFrame(draw);
}

document.addEventListener("htmx:afterSwap", () => { show(); draw(); });
subscribe(stream, null, ({ rows: live }) => take(live));
watchAges(stream, take);
