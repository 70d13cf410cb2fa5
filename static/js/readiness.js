// What the gateways really serve, from the mouth of one of them: the revision in service and what is degraded.
import { on } from "./live.js";
import { number, say } from "./words.js";

async function look(note) {
  const answer = await fetch(note.dataset.readiness).catch(() => null);
  if (!answer) return;
  const { reasons = [], revisions = [] } = await answer.json().catch(() => ({}));
  note.hidden = !reasons.length;
  note.querySelector("[data-reasons]").textContent = reasons.join(" · ");
  const spot = document.querySelector("[data-served]");
  const newest = Number(document.querySelector("[data-newest]")?.dataset.newest);
  if (!spot || !newest || !revisions.length) return;
  const ready = revisions.filter((revision) => revision >= newest).length;
  const counts = { n: number(ready), all: number(revisions.length) };
  const text = ` · ${say(ready === revisions.length ? "serving_all" : "serving_some", counts)}`;
  if (spot.textContent !== text) spot.textContent = text;
}

export function startReadiness() {
  const note = document.querySelector("[data-readiness]");
  if (!note) return;
  look(note);
  on("tick", () => look(note));
}
