// What this web process really serves, from its own mouth: the revision in service and what is degraded.
import { on } from "./live.js";
import { number, say } from "./words.js";

async function look(note) {
  const answer = await fetch(note.dataset.readiness).catch(() => null);
  if (!answer) return;
  const { reasons = [], revision } = await answer.json().catch(() => ({}));
  note.hidden = !reasons.length;
  note.querySelector("[data-reasons]").textContent = reasons.join(" · ");
  const spot = document.querySelector("[data-served]");
  if (!spot || revision === undefined) return;
  const behind = Number(document.querySelector("[data-newest]")?.dataset.newest) > revision;
  const text = ` · ${say(behind ? "serving_older" : "serving", { n: number(revision) })}`;
  if (spot.textContent !== text) spot.textContent = text;
}

export function startReadiness() {
  const note = document.querySelector("[data-readiness]");
  if (!note) return;
  look(note);
  on("tick", () => look(note));
}
