// Small behaviours of every page: copying, dialogs, menus, ages, toasts that came with the page.
import { say, language } from "./words.js";
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

export function ages(root = document) {
  for (const element of root.querySelectorAll("time[data-ago]")) age(element);
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
    const opener = event.target.closest("[data-open]");
    if (opener) document.querySelector(opener.dataset.open).showModal();
    if (event.target.tagName === "DIALOG") event.target.close();
  });
  document.addEventListener("toggle", (event) => {
    if (event.newState === "open" && event.target.classList.contains("menu")) place(event.target);
  }, true);
  document.addEventListener("htmx:afterSettle", (event) => ages(event.target));
  for (const item of document.querySelectorAll("#toasts .toast")) leave(item, 9000);
  ages();
  setInterval(ages, 30000);
}
