// Single keys, off while typing and where the reader switched them off (WCAG 2.1.4).
import { say } from "./words.js";
import { toast } from "./toast.js";
import { pause } from "./live.js";

const STORE = "patchbay-single-keys";
let waitingForPlace = 0;

const enabled = () => localStorage.getItem(STORE) !== "off";
const typing = (target) => target.closest("input:not([type=checkbox]), textarea, select, [contenteditable], dialog[open]");

function rows() {
  return [...document.querySelectorAll("[data-rows] tbody > tr")].filter((row) => row.offsetParent);
}

function move(by) {
  const all = rows();
  if (!all.length) return;
  const at = all.findIndex((row) => row.classList.contains("here"));
  const next = all[Math.min(all.length - 1, Math.max(0, at < 0 ? 0 : at + by))];
  all[at]?.classList.remove("here");
  next.classList.add("here");
  next.scrollIntoView({ block: "nearest" });
  (next.querySelector("a.name") ?? next.querySelector("a, button"))?.focus({ preventScroll: true });
}

const here = (selector) => document.querySelector(`tr.here ${selector}`);

const KEYS = {
  "/": () => document.querySelector("[data-search]")?.focus(),
  "?": () => document.getElementById("help").showModal(),
  ".": () => toast(pause() ? say("paused") : say("resumed")),
  g: () => { waitingForPlace = Date.now(); },
  j: () => move(1),
  k: () => move(-1),
  x: () => here("input[type=checkbox]")?.click(),
};

function press(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || !enabled() || typing(event.target)) return;
  if (waitingForPlace && Date.now() - waitingForPlace < 1500) {
    waitingForPlace = 0;
    const link = document.querySelector(`[data-letter="${CSS.escape(event.key)}"]`);
    if (link) { event.preventDefault(); link.click(); }
    return;
  }
  const target = event.key.length === 1 && document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
  const action = target ? () => target.click() : KEYS[event.key];
  if (!action) return;
  event.preventDefault();
  action();
}

function switches() {
  for (const box of document.querySelectorAll("[data-shortcuts-switch]")) {
    box.checked = enabled();
    box.addEventListener("change", () => {
      localStorage.setItem(STORE, box.checked ? "on" : "off");
      toast(say(box.checked ? "shortcuts_on" : "shortcuts_off"));
    });
  }
}

export function startKeyboard() {
  document.addEventListener("keydown", press);
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-open-help]")) document.getElementById("help").showModal();
  });
  switches();
}
