// Counts beside places of the navigation: alerts that fire, updates that wait for a person.
import { on } from "./live.js";
import { number } from "./words.js";

function show(name, count) {
  const badge = document.querySelector(`[data-badge="${name}"]`);
  if (!badge) return;
  badge.hidden = !count;
  badge.querySelector("[data-count]").textContent = number(count);
  badge.querySelector(".sr").textContent = badge.dataset.words.replace("{n}", number(count));
}

export function startBadges() {
  on("snapshot", ({ badges }) => Object.entries(badges).forEach(([name, count]) => show(name, count)));
  for (const { dataset } of document.querySelectorAll("[data-badge]")) {
    on(`badge:${dataset.badge}`, ({ name, count }) => show(name, count));
  }
}
