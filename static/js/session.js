// CSRF on every request, one answer to failures, and signing in again without losing what was typed.
import { say } from "./words.js";
import { toast } from "./toast.js";

const meta = document.querySelector('meta[name="csrf"]');
let waiting = [];

export function token() {
  return meta.content;
}

function renew(value) {
  meta.content = value;
  for (const input of document.querySelectorAll('input[name="csrfmiddlewaretoken"]')) input.value = value;
}

// fetch with the token; a 401 asks for the password and then tries once more.
export async function ask(url, options = {}) {
  const send = () => fetch(url, {
    credentials: "same-origin",
    ...options,
    headers: { "X-Requested-With": "patchbay", "X-CSRFToken": token(), ...options.headers },
  });
  const answer = await send();
  if (answer.status !== 401) return answer;
  await signInAgain();
  return send();
}

export function signInAgain() {
  const dialog = document.getElementById("again");
  return new Promise((resolve) => {
    waiting.push(resolve);
    if (dialog && !dialog.open) dialog.showModal();
  });
}

export function startSession() {
  document.addEventListener("htmx:configRequest", (event) => { event.detail.headers["X-CSRFToken"] = token(); });
  document.addEventListener("htmx:responseError", (event) => {
    const { status } = event.detail.xhr;
    if (status === 401) {
      const source = event.detail.elt;
      signInAgain().then(() => window.htmx.trigger(source, event.detail.requestConfig.triggeringEvent?.type || "click"));
    } else if (!event.detail.xhr.getResponseHeader("HX-Trigger")) {
      toast(say("failed", { status }), "error");
    }
  });
  document.addEventListener("htmx:sendError", () => toast(say("offline"), "error"));
  document.addEventListener("htmx:timeout", () => toast(say("offline"), "error"));
  document.addEventListener("toast", (event) => toast(event.detail.text, event.detail.kind));
  const form = document.querySelector("[data-again]");
  if (!form) return;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const problem = form.querySelector("[data-again-error]");
    const answer = await fetch(form.action, {
      method: "POST",
      body: new URLSearchParams(new FormData(form)),
      headers: { "X-Requested-With": "patchbay", "X-CSRFToken": token() },
    });
    if (!answer.ok) {
      problem.textContent = say(answer.status === 503 ? "sign_in_later" : "sign_in_failed");
      problem.hidden = false;
      return;
    }
    renew((await answer.json()).csrf);
    form.reset();
    problem.hidden = true;
    form.closest("dialog").close();
    toast(say("signed_in"));
    waiting.splice(0).forEach((go) => go());
    document.dispatchEvent(new CustomEvent("patchbay:signed-in"));
  });
}
