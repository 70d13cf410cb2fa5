// Fills traffic into the rows on screen: one small request for all of them, again with every tick.
import { on } from "./live.js";
import { ask } from "./session.js";
import { decimal, number } from "./words.js";

const TEXT = {
  calls: (one) => decimal(one.calls),
  errors: (one) => (one.errors === null ? "–" : decimal(one.errors)),
  p95: (one) => (one.p95 === null ? "–" : one.p95 < 1000 ? `${number(Math.round(one.p95))} ms` : `${decimal(one.p95 / 1000)} s`),
};

async function fill() {
  const table = document.querySelector("[data-traffic-url]");
  if (!table || document.hidden) return;
  const spots = [...table.querySelectorAll("[data-traffic]")];
  const names = new URLSearchParams([...new Set(spots.map((spot) => spot.dataset.traffic))].map((name) => ["name", name]));
  if (!names.size) return;
  const answer = await ask(`${table.dataset.trafficUrl}?${names}`).catch(() => null);
  if (!answer?.ok) return;
  const found = await answer.json();
  for (const spot of spots) {
    const one = found[spot.dataset.traffic];
    const text = one ? TEXT[spot.dataset.value](one) : "–";
    if (spot.textContent !== text) spot.textContent = text;
    spot.classList.toggle("alarm", Boolean(one) && spot.dataset.value === "errors" && one.errors >= 5);
  }
}

export function startTraffic() {
  fill();
  on("tick", fill);
  document.addEventListener("htmx:afterSettle", (event) => { if (event.target.id === "results") fill(); });
}
