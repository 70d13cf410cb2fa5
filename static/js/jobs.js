// Progress of jobs on this page: numbers from frames, from snapshots, and by asking where the socket is away.
import { on, watch } from "./live.js";
import { ask } from "./session.js";
import { number, decimal, duration, say } from "./words.js";

const ASK_MS = 2000;
const FINAL = ["succeeded", "failed", "cancelled"];
const lastNews = new Map();

function paint(box, job) {
  lastNews.set(job.id, Date.now());
  const progress = job.progress ?? {};
  const set = (name, text) => {
    const spot = box.querySelector(`[data-p="${name}"]`);
    if (spot) spot.textContent = text;
  };
  const { done = 0, failed = 0, total = 0 } = progress;
  const bar = box.querySelector("progress");
  if (bar && total) {
    bar.max = total;
    bar.value = done + failed;
  }
  set("percent", total ? `${Math.floor((done + failed) / total * 100)} %` : "");
  set("done", number(done));
  set("failed", number(failed));
  set("left", number(progress.left ?? Math.max(0, total - done - failed)));
  set("total", number(total));
  set("rate", progress.rate ? say("per_second", { n: decimal(progress.rate) }) : "–");
  set("eta", progress.eta_s || progress.eta_s === 0 ? duration(progress.eta_s) : "–");
  box.dispatchEvent(new CustomEvent("patchbay:job", { detail: job, bubbles: true }));
  if (box.dataset.state !== job.state) {
    const over = FINAL.includes(job.state) && box.dataset.state;
    box.dataset.state = job.state;
    if (over) setTimeout(() => document.dispatchEvent(new CustomEvent("patchbay:job-over", { detail: job })), 300);
  }
}

async function lookUp(box) {
  const answer = await ask(box.dataset.jobUrl);
  if (answer.ok) paint(box, await answer.json());
}

function follow(box) {
  const { job } = box.dataset;
  if (box.dataset.followed) return;
  box.dataset.followed = "1";
  on(`job:${job}`, (payload) => paint(box, payload));
  watch(`job:${job}`);
  const timer = setInterval(() => {
    if (!box.isConnected || FINAL.includes(box.dataset.state)) clearInterval(timer);
    else if (Date.now() - (lastNews.get(job) ?? 0) > ASK_MS) lookUp(box);
  }, ASK_MS);
}

export function startJobs() {
  const all = () => document.querySelectorAll("[data-job]").forEach(follow);
  all();
  document.addEventListener("htmx:afterSettle", all);
  document.addEventListener("patchbay:job-over", () => {
    for (const element of document.querySelectorAll("[data-after-job]")) window.htmx.trigger(element, "over");
  });
}
