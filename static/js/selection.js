// Ticking rows: the bar with bulk actions, and "all N matching" beyond this page.
import { say, number } from "./words.js";

function refresh(form) {
  const boxes = [...form.querySelectorAll('input[name="ids"]')];
  const ticked = boxes.filter((box) => box.checked);
  const bar = form.querySelector("[data-bulk]");
  const every = form.querySelector("[data-every]");
  const all = form.querySelector('input[name="all"]');
  if (!bar) return;
  if (ticked.length < boxes.length) all.value = "";
  bar.hidden = !ticked.length;
  every.checked = ticked.length > 0 && ticked.length === boxes.length;
  every.indeterminate = ticked.length > 0 && ticked.length < boxes.length;
  const total = Number(form.dataset.total);
  const count = all.value ? total : ticked.length;
  bar.querySelector("[data-bulk-count]").textContent = say("selected", { n: number(count) });
  const offer = bar.querySelector("[data-bulk-all]");
  if (offer) offer.hidden = Boolean(all.value) || ticked.length < boxes.length || total <= boxes.length;
  const names = ticked.slice(0, 5).map((box) => box.dataset.name).join(", ");
  for (const button of bar.querySelectorAll("[data-confirm]")) {
    button.dataset.confirmText = names + (count > 5 ? ` … (${number(count)})` : "");
    if ("confirmCount" in button.dataset) button.dataset.confirmName = count === 1 ? ticked[0].dataset.name : String(count);
  }
}

function forget(form) {
  for (const box of form.querySelectorAll('input[name="ids"], [data-every]')) box.checked = false;
  form.querySelector('input[name="all"]').value = "";
  refresh(form);
}

// A tick with Shift held gives every row since the last tick the same state.
let last = null;
let shifted = false;

function tickRange(form, box) {
  const boxes = [...form.querySelectorAll('input[name="ids"]')];
  const [from, to] = [boxes.indexOf(last), boxes.indexOf(box)].sort((a, b) => a - b);
  if (shifted && from >= 0) for (const one of boxes.slice(from, to + 1)) one.checked = box.checked;
  last = box;
  shifted = false;
}

export function startSelection() {
  document.addEventListener("change", (event) => {
    const form = event.target.closest("[data-selection]");
    if (!form) return;
    if (event.target.matches("[data-every]")) {
      for (const box of form.querySelectorAll('input[name="ids"]')) box.checked = event.target.checked;
    }
    if (event.target.matches('input[name="ids"]')) tickRange(form, event.target);
    refresh(form);
  });
  document.addEventListener("click", (event) => {
    if (event.target.closest(".tick label")) shifted = event.shiftKey || (shifted && !event.detail);
    const form = event.target.closest("[data-selection]");
    if (!form) return;
    if (event.target.closest("[data-bulk-all]")) { form.querySelector('input[name="all"]').value = "1"; refresh(form); }
    if (event.target.closest("[data-bulk-none]")) forget(form);
  });
  document.addEventListener("htmx:afterSettle", () => document.querySelectorAll("[data-selection]").forEach(refresh));
}
