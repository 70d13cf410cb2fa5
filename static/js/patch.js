// Live pages without flicker: read the page again, and change only what differs, by id, on what is on screen.
import { on } from "./live.js";
import { ages } from "./page.js";
import { ask } from "./session.js";
import { say, number } from "./words.js";

const PAUSE_MS = 900;
const asleep = () => document.hidden || !getSelection().isCollapsed || document.querySelector("dialog[open], :popover-open:not(.rail)");
let timer = 0;
let counting = 0;
let again = false;
let busy = false;

const bare = (element) => element.innerHTML.replace(/<time[^>]*>[^<]*<\/time>/g, "").replace(/\s*data-local="1"|<input[^>]*csrfmiddlewaretoken[^>]*>/g, "");

// Figures that did not change are still as new as the page that was just read.
function sameButNewer(old, fresh) {
  const marks = fresh.querySelectorAll("time[data-age]");
  old.querySelectorAll("time[data-age]").forEach((mark, at) => { mark.dateTime = marks[at].dateTime; });
  return false;
}

function replace(old, fresh) {
  if (bare(old) === bare(fresh)) return sameButNewer(old, fresh);
  if (old.contains(document.activeElement) || old.querySelector("details[open]")) return false;
  old.innerHTML = fresh.innerHTML;
  window.htmx.process(old);
  return true;
}

function patchRow(row, fresh) {
  let changed = false;
  const cells = [...row.children];
  [...fresh.children].forEach((cell, at) => {
    const old = cells[at];
    if (!old || old.matches(".tick") || old.querySelector("[data-traffic], [data-of]")) return;
    changed = replace(old, cell) || changed;
  });
  if (!changed) return;
  row.classList.remove("fresh");
  requestAnimationFrame(() => row.classList.add("fresh"));
}

// A list of calls grows faster than a page of it: the server counts what is newer than its first row.
async function countNewer() {
  const table = document.querySelector("table[data-newer]");
  if (!table || asleep()) return;
  const answer = await ask(`${table.dataset.newer}&after=${encodeURIComponent(table.dataset.after)}`).catch(() => null);
  if (!answer?.ok) return;
  const { count, most } = await answer.json();
  offerRows(table, count < most ? number(count) : `${number(most)}+`);
}

function offerRows(table, count) {
  const holder = table.closest(".card");
  let button = holder.querySelector("[data-new-rows]");
  if (count === "0") return button?.remove();
  if (!button) {
    button = document.createElement("button");
    button.type = "button";
    button.dataset.newRows = "";
    button.className = "btn small new-rows";
    button.addEventListener("click", () => location.reload());
    table.closest(".scroll").before(button);
  }
  button.textContent = say("new_rows", { n: count });
}

function patch(root, page) {
  for (const old of root.querySelectorAll("[data-patch]")) {
    const fresh = page.querySelector(`[data-patch="${old.dataset.patch}"]`);
    if (fresh) replace(old, fresh);
  }
  for (const table of root.querySelectorAll("table[data-rows]")) {
    const other = page.querySelector("table[data-rows]");
    if (other && other.dataset.columns !== table.dataset.columns) continue;
    const rows = [...page.querySelectorAll("tbody > tr[id]")];
    const here = new Set([...table.querySelectorAll("tbody > tr[id]")].map((row) => row.id));
    rows.filter((row) => here.has(row.id)).forEach((row) => patchRow(document.getElementById(row.id), row));
    if (here.size && !table.dataset.newer) offerRows(table, number(rows.filter((row) => !here.has(row.id)).length));
  }
  ages(root);
}

async function refresh() {
  timer = 0;
  if (busy || asleep()) { again = true; return; }
  busy = true;
  again = false;
  try {
    const answer = await ask(location.href, { headers: { Accept: "text/html" } });
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const root of document.querySelectorAll("[data-live]")) patch(root, page);
  } catch { /* the live badge says that the server is away */ } finally {
    busy = false;
    if (again) later();
  }
}

function later() {
  if (!timer) timer = setTimeout(refresh, PAUSE_MS);
}

// The page was read before its socket listened: what was told in between is read now.
const SKEW_S = 2;
function missed(last) {
  const read = Number(document.body.dataset.read) - SKEW_S;
  return live().some((topic) => last?.[topic] > read);
}

const live = () => [...new Set([...document.querySelectorAll("[data-live]")].flatMap((root) => root.dataset.live.split(" ")))];

export function startPatches() {
  for (const topic of live()) on(topic, later);
  on("calls", () => { counting ||= setTimeout(() => { counting = 0; countNewer(); }, PAUSE_MS); });
  let ticks = 0;
  on("tick", () => { ticks += 1; if (ticks % 12 === 0 && live().includes("minute")) later(); });
  let first = true;
  on("snapshot", ({ last }) => {
    if (first ? missed(last) : live().length) later();
    if (!first) countNewer();
    first = false;
  });
  document.addEventListener("patchbay:signed-in", later);
}
