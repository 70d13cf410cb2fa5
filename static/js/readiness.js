// What the gateways really serve, from the mouth of one of them: the revision in service and what is degraded.
import { on } from "./live.js";
import { number, say } from "./words.js";

// Both stand in a line whose place is kept, so that nothing below moves when the answer comes.
async function look(line) {
  const answer = await fetch(line.dataset.readiness).catch(() => null);
  if (!answer) return;
  const { reasons = [], revisions = [] } = await answer.json().catch(() => ({}));
  line.querySelector("[data-degraded]").hidden = !reasons.length;
  line.querySelector("[data-reasons]").textContent = reasons.join(" · ");
  const spot = line.querySelector("[data-served]");
  const newest = Number(document.querySelector("[data-newest]")?.dataset.newest);
  if (!spot || !newest || !revisions.length) return;
  const ready = revisions.filter((revision) => revision >= newest).length;
  const counts = { n: number(ready), all: number(revisions.length) };
  const text = say(ready === revisions.length ? "serving_all" : "serving_some", counts);
  if (spot.textContent !== text) spot.textContent = text;
}

export function startReadiness() {
  const line = document.querySelector("[data-readiness]");
  if (!line) return;
  look(line);
  on("tick", () => look(line));
}
