// Ctrl/Cmd+K: an ARIA combobox over one endpoint that knows what the reader may see and do.
import { say } from "./words.js";
import { ask } from "./session.js";

const dialog = document.getElementById("palette");
const WAIT_MS = 90;
let chosen = 0;
let timer = 0;
let turn = 0;

const field = () => dialog.querySelector("input");
const list = () => dialog.querySelector('[role="listbox"]');
const options = () => [...list().querySelectorAll('[role="option"]')];

function mark(index) {
  const all = options();
  if (!all.length) return field().removeAttribute("aria-activedescendant");
  chosen = (index + all.length) % all.length;
  all.forEach((option, at) => option.setAttribute("aria-selected", String(at === chosen)));
  all[chosen].scrollIntoView({ block: "nearest" });
  field().setAttribute("aria-activedescendant", all[chosen].id);
}

function draw(found) {
  list().replaceChildren(...found.map((entry, at) => {
    const option = document.createElement("div");
    option.id = `palette-${at}`;
    option.setAttribute("role", "option");
    option.dataset.href = entry.href;
    const label = document.createElement("span");
    label.className = "cut";
    label.textContent = entry.label;
    const kind = document.createElement("span");
    kind.className = "sub";
    kind.textContent = entry.kind;
    option.append(label, kind);
    return option;
  }));
  list().hidden = !found.length;
  field().setAttribute("aria-expanded", String(found.length > 0));
  const nothing = dialog.querySelector("[data-nothing]");
  nothing.hidden = found.length > 0;
  nothing.textContent = found.length ? "" : say("nothing");
  mark(0);
}

async function find() {
  const mine = ++turn;
  const answer = await ask(`${dialog.dataset.url}?q=${encodeURIComponent(field().value)}`);
  if (answer.ok && mine === turn) draw((await answer.json()).results);
}

function open() {
  document.getElementById("rail")?.matches(":popover-open") && document.getElementById("rail").hidePopover();
  field().value = "";
  if (!dialog.open) dialog.showModal();
  field().focus();
  find();
}

function follow(option) {
  if (!option) return;
  dialog.close();
  location.assign(option.dataset.href);
}

export function startPalette() {
  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
      event.preventDefault();
      open();
    }
  });
  document.addEventListener("click", (event) => { if (event.target.closest("[data-open-palette]")) open(); });
  field().addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(find, WAIT_MS); });
  field().addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) { event.preventDefault(); mark(chosen + step); }
    if (event.key === "Enter") { event.preventDefault(); follow(options()[chosen]); }
  });
  list().addEventListener("click", (event) => follow(event.target.closest('[role="option"]')));
}
