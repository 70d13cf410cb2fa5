// Language and theme out of the user menu. A change of language loads the page anew: what was typed is kept for it.
import { ask } from "./session.js";
import { say } from "./words.js";
import { toast } from "./toast.js";

const STORE = "patchbay-typed";
const TYPED = "main input:not([type=hidden], [type=password], [type=file]), main select, main textarea";
const ticking = (field) => field.type === "checkbox" || field.type === "radio";
const typed = () => [...document.querySelectorAll(TYPED)].filter((field) => field.id || field.name);
const keyOf = (field) => field.id || `${field.form?.id ?? ""}/${field.name}/${ticking(field) ? field.value : ""}`;

function keep() {
  const values = typed().map((field) => [keyOf(field), ticking(field) ? field.checked : field.value]);
  sessionStorage.setItem(STORE, JSON.stringify({ path: location.href, values }));
}

// Fields that only come with an answer of the server (a wizard's next step) are filled in when they are there.
function restore() {
  const kept = JSON.parse(sessionStorage.getItem(STORE) ?? "null");
  sessionStorage.removeItem(STORE);
  if (kept?.path !== location.href) return;
  const left = new Map(kept.values);
  const fill = () => {
    for (const field of typed()) {
      const property = ticking(field) ? "checked" : "value";
      const value = left.get(keyOf(field));
      left.delete(keyOf(field));
      if (value === undefined || value === field[property]) continue;
      field[property] = value;
      field.dispatchEvent(new Event("change", { bubbles: true }));
    }
  };
  document.addEventListener("DOMContentLoaded", fill);
  document.addEventListener("htmx:afterSettle", fill);
}

async function choose(form, button) {
  const body = new FormData(form, button);
  const answer = await ask(form.action, { method: "POST", body, redirect: "manual" });
  if (answer.type !== "opaqueredirect" && !answer.ok) return toast(say("failed", { status: answer.status }), "error");
  if (button.name === "language") {
    keep();
    return location.reload();
  }
  document.documentElement.dataset.theme = button.value;
  for (const one of form.querySelectorAll("button")) one.setAttribute("aria-pressed", String(one === button));
}

export function startAccount() {
  restore();
  document.getElementById("account").addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.matches(".seg")) return;
    event.preventDefault();
    event.stopPropagation();
    choose(form, event.submitter).catch(() => toast(say("offline"), "error"));
  });
}
