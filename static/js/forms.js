// Forms: confirm before sending, send once, fill an editor from a file.
import { confirmed } from "./confirm.js";
import { ask } from "./session.js";
import { toast } from "./toast.js";
import { say } from "./words.js";

function question(element) {
  const { confirm: title, confirmText: text = "", confirmGo: go, confirmName: name = "" } = element.dataset;
  return { title, text, go: go || element.textContent.trim(), name };
}

async function guard(event) {
  const form = event.target;
  const button = event.submitter;
  const asker = button?.dataset.confirm ? button : form.dataset.confirm ? form : null;
  if (!asker || form.dataset.sure) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  if (!(await confirmed(question(asker)))) return;
  form.dataset.sure = "1";
  form.requestSubmit(button);
  delete form.dataset.sure;
}

// A session that ended must not cost what was typed: ask first, sign in again where needed, then send.
async function send(form, button) {
  const answer = await ask("/session").catch(() => null);
  if (!answer) return toast(say("offline"), "error");
  Object.assign(form.dataset, { asked: "1", sure: "1" });
  form.requestSubmit(button);
  delete form.dataset.asked;
  delete form.dataset.sure;
}

// A second click must not send a second time; htmx forms have their own lock.
function once(event) {
  const form = event.target;
  if (event.defaultPrevented || form.method === "dialog" || form.matches("[hx-post],[hx-get],[data-again]")) return;
  if (form.method === "get") {
    for (const field of form.elements) if (field.name && !field.value) field.disabled = true;
    return;
  }
  const button = event.submitter;
  if (document.body.dataset.liveUrl && !form.dataset.asked) {
    event.preventDefault();
    send(form, button);
    return;
  }
  if (button && "download" in button.dataset) return;
  setTimeout(() => { if (button) button.disabled = true; });
  setTimeout(() => { if (button) button.disabled = false; }, 4000);
}

async function load(file, editor) {
  editor.value = await file.text();
  editor.form.querySelector("[data-file-name]").value = file.name;
  editor.dispatchEvent(new Event("input", { bubbles: true }));
}

function dropzone(zone) {
  const editor = document.querySelector(zone.dataset.drop);
  const picker = zone.querySelector('input[type="file"]');
  picker.addEventListener("change", () => picker.files[0] && load(picker.files[0], editor));
  for (const name of ["dragenter", "dragover"]) {
    zone.addEventListener(name, (event) => { event.preventDefault(); zone.classList.add("over"); });
  }
  for (const name of ["dragleave", "drop"]) zone.addEventListener(name, () => zone.classList.remove("over"));
  zone.addEventListener("drop", (event) => {
    event.preventDefault();
    if (event.dataTransfer.files[0]) load(event.dataTransfer.files[0], editor);
  });
}

// One box that ticks many, and shows whether all, some or none are ticked.
function tickAll() {
  for (const every of document.querySelectorAll("[data-tick-all]")) {
    const boxes = [...document.querySelectorAll(every.dataset.tickAll)];
    const ticked = boxes.filter((box) => box.checked).length;
    every.checked = ticked > 0 && ticked === boxes.length;
    every.indeterminate = ticked > 0 && ticked < boxes.length;
  }
}

export function startForms() {
  document.addEventListener("change", (event) => {
    const every = event.target.closest("[data-tick-all]");
    if (every) for (const box of document.querySelectorAll(every.dataset.tickAll)) box.checked = every.checked;
    tickAll();
  });
  document.addEventListener("htmx:afterSettle", tickAll);
  document.addEventListener("focus-on", (event) => document.querySelector(event.detail.value)?.focus());
  document.addEventListener("submit", guard, true);
  document.addEventListener("submit", once);
  document.querySelectorAll("[data-drop]").forEach(dropzone);
  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key === "Enter" && event.target.form) event.target.form.requestSubmit();
  });
  document.addEventListener("input", (event) => {
    const row = event.target.closest("[data-origin]");
    if (row) row.dataset.origin = "yours";
    const badge = row?.querySelector("[data-origin-word]");
    if (badge) { badge.textContent = badge.dataset.originWord; badge.className = "tag accent"; }
  });
}
