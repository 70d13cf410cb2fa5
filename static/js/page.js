// Small behaviours of every page: copying, dialogs, menus, ages, toasts that came with the page.
import { duration, say, language } from "./words.js";
import { leave, toast } from "./toast.js";

const relative = new Intl.RelativeTimeFormat(language, { style: "short", numeric: "auto" });
const absolute = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "medium" });
const STEPS = [[86400, "day"], [3600, "hour"], [60, "minute"]];

async function copy(button) {
  const source = document.querySelector(button.dataset.copy);
  const text = "value" in source ? source.value : source.textContent;
  try {
    await navigator.clipboard.writeText(text.trim());
    toast(say("copied"));
  } catch {
    getSelection().selectAllChildren(source);
    toast(say("copy_failed"), "error");
  }
}

function age(element) {
  const then = new Date(element.dateTime);
  const seconds = (Date.now() - then) / 1000;
  if (!element.dataset.local) {
    element.dataset.local = "1";
    element.title = absolute.format(then);
  }
  const step = STEPS.find(([size]) => seconds >= size);
  if (step) element.textContent = relative.format(-Math.floor(seconds / step[0]), step[1]);
}

const today = new Intl.DateTimeFormat(language, { timeStyle: "medium", hourCycle: "h23" });
const earlier = new Intl.DateTimeFormat(language, { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });

function clock(element) {
  const then = new Date(element.dateTime);
  element.textContent = (Date.now() - then < 43200000 ? today : earlier).format(then);
  element.title = absolute.format(then);
  delete element.dataset.clock;
}

const axis = {
  time: new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" }),
  date: new Intl.DateTimeFormat(language, { month: "short", day: "numeric" }),
};

// Figures that are pushed and fresh are live; all others wear their age.
const FRESH_S = 16;

function freshness(mark) {
  const seconds = Math.max(0, (Date.now() - new Date(mark.dateTime)) / 1000);
  const live = mark.dataset.age === "pushed" && seconds < FRESH_S;
  mark.className = `state ${live ? "is-live" : "is-off"}`;
  mark.textContent = live ? say("live") : say("as_of", { age: duration(seconds) });
}

const freshnesses = () => document.querySelectorAll("time[data-age]").forEach(freshness);

export function ages(root = document) {
  for (const label of root.querySelectorAll("time[data-axis]")) label.textContent = axis[label.dataset.axis].format(new Date(label.dateTime));
  freshnesses();
  for (const element of root.querySelectorAll("time[data-clock]")) clock(element);
  for (const element of root.querySelectorAll("time[data-ago]")) age(element);
}

// Tabs inside a card: one of several blocks is shown.
function show(button) {
  for (const other of button.parentElement.querySelectorAll("[data-show]")) {
    const chosen = other === button;
    other.setAttribute("aria-pressed", String(chosen));
    document.querySelector(other.dataset.show).hidden = !chosen;
  }
}

// What stands beside the list on a wide screen is folded above it on a narrow one.
const narrow = matchMedia("(max-width: 1080px)");

function fold() {
  for (const details of document.querySelectorAll("details[data-fold-narrow]")) details.open = !narrow.matches;
}

function place(menu) {
  const opener = document.querySelector(`[popovertarget="${menu.id}"]`);
  const spot = opener.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = menu;
  const below = spot.bottom + height + 12 < innerHeight;
  menu.style.top = `${below ? spot.bottom + 6 : Math.max(8, spot.top - height - 6)}px`;
  menu.style.left = `${Math.max(8, Math.min(spot.left, innerWidth - width - 8))}px`;
}

export function startPage() {
  document.addEventListener("click", (event) => {
    const copier = event.target.closest("[data-copy]");
    if (copier) copy(copier);
    if (event.target.closest("[data-close]")) event.target.closest("dialog").close();
    const shower = event.target.closest("[data-show]");
    if (shower) show(shower);
    const opener = event.target.closest("[data-open]");
    if (opener) document.querySelector(opener.dataset.open).showModal();
    if (event.target.tagName === "DIALOG") event.target.close();
  });
  document.addEventListener("toggle", (event) => {
    if (event.newState === "open" && event.target.classList.contains("menu")) place(event.target);
  }, true);
  document.addEventListener("htmx:afterSettle", (event) => { ages(event.target); fold(); });
  narrow.addEventListener("change", fold);
  fold();
  for (const item of document.querySelectorAll("#toasts .toast")) leave(item, 10000);
  document.querySelector("dialog[data-open-now]")?.showModal();
  ages();
  setInterval(() => ages(), 30000);
  setInterval(freshnesses, 1000);
}
