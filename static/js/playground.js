// The playground: the real /v1 with a key that lives for minutes and is held in this module only.
import { ask } from "./session.js";
import { dataLines } from "./sse.js";
import { toast } from "./toast.js";
import { say, number, decimal } from "./words.js";

const MOST = 4;
let form = null;
let key = { value: "", until: 0 };
const running = new Set();

const all = () => [...form.querySelectorAll("[data-lane]")];
const part = (lane, name) => lane.querySelector(`[data-${name}]`);
const metric = (lane, name, text) => { lane.querySelector(`[data-m="${name}"]`).textContent = text; };
const known = (name) => form.querySelector(`#known-models option[value="${CSS.escape(name)}"]`)?.dataset ?? {};
const typeOf = (name) => known(name).type ?? "llm";

async function freshKey() {
  if (Date.now() < key.until) return key.value;
  const answer = await ask(form.dataset.keyUrl, { method: "POST" });
  if (!answer.ok) throw new Error(say("error", { status: answer.status }));
  const { key: value, seconds } = await answer.json();
  key = { value, until: Date.now() + seconds * 400 };
  return value;
}

function extras() {
  const found = {};
  for (const name of ["temperature", "max_tokens"]) if (form[name].value !== "") found[name] = Number(form[name].value);
  return form.extra.value.trim() ? { ...found, ...JSON.parse(form.extra.value) } : found;
}

function callOf(model) {
  const prompt = form.prompt.value;
  const type = typeOf(model);
  if (type === "llm") {
    const system = form.system.value.trim();
    const messages = [...(system ? [{ role: "system", content: system }] : []), { role: "user", content: prompt }];
    return { path: "chat/completions", body: { model, messages, stream: true, stream_options: { include_usage: true }, ...extras() } };
  }
  if (type === "embedding") return { path: "embeddings", body: { model, input: prompt, ...extras() } };
  const inputs = type === "rerank" ? { query: prompt, documents: prompt.split("\n") } : type === "tensor" ? tensor(prompt) : prompt;
  return { path: `models/${model}/predict`, body: { inputs, parameters: extras() } };
}

function tensor(prompt) {
  try {
    const given = JSON.parse(prompt);
    if (Array.isArray(given) && typeof given[0] === "object") return given;
  } catch { /* not JSON: an example goes instead */ }
  return [{ name: "input", shape: [1, 4], datatype: "FP32", data: [0.1, 0.2, 0.3, 0.4] }];
}

function showAdapted(lane, answer) {
  const text = answer.headers.get("x-patchbay-adapted");
  const spot = part(lane, "adapted");
  spot.hidden = !text;
  spot.textContent = text ? `x-patchbay-adapted: ${text}` : "";
  metric(lane, "id", (answer.headers.get("x-request-id") ?? "").slice(0, 8));
}

function showUsage(lane, usage, begun, first) {
  if (!usage) return;
  const completion = usage.completion_tokens;
  metric(lane, "tokens", `${number(usage.prompt_tokens ?? 0)} → ${completion === undefined ? "–" : number(completion)}`);
  const seconds = (performance.now() - (first || begun)) / 1000;
  if (completion && seconds > 0) metric(lane, "rate", decimal(completion / seconds));
}

async function stream(lane, answer, begun) {
  const out = part(lane, "out");
  let first = 0;
  let usage = null;
  let finished = false;
  let problem = null;
  let waiting = "";
  const paint = () => {
    out.append(waiting);
    waiting = "";
    out.scrollTop = out.scrollHeight;
  };
  out.textContent = "";
  out.classList.add("caret");
  for await (const data of dataLines(answer.body)) {
    if (data === "[DONE]") { finished = true; break; }
    const event = JSON.parse(data);
    if (event.error) { problem = event.error; break; }
    usage = event.usage ?? usage;
    const text = event.choices?.[0]?.delta?.content;
    if (!text) continue;
    if (!first) {
      first = performance.now();
      metric(lane, "ttft", `${Math.round(first - begun)} ms`);
      metric(lane, "status", say("streaming"));
    }
    if (!waiting) requestAnimationFrame(paint);
    waiting += text;
  }
  paint();
  if (problem) throw new Error(problem.message);
  if (!finished) throw new Error(say("cut"));
  showUsage(lane, usage, begun, first);
  if (!out.textContent) out.textContent = say("no_answer");
}

async function whole(lane, answer, begun) {
  const value = await answer.json();
  metric(lane, "ttft", `${Math.round(performance.now() - begun)} ms`);
  showUsage(lane, value.usage, begun, 0);
  for (const item of value.data ?? []) {
    if (Array.isArray(item.embedding) && item.embedding.length > 12) item.embedding = [...item.embedding.slice(0, 12), `… ${item.embedding.length}`];
  }
  part(lane, "out").textContent = JSON.stringify(value, null, 2);
}

async function runLane(lane, secret) {
  const model = part(lane, "model").value.trim();
  const { path, body } = callOf(model);
  const stopper = new AbortController();
  const out = part(lane, "out");
  lane.stopper = stopper;
  running.add(lane);
  buttons();
  for (const name of ["ttft", "rate", "tokens", "id"]) metric(lane, name, "–");
  metric(lane, "status", say("waiting"));
  out.classList.remove("bad");
  out.textContent = "";
  const begun = performance.now();
  try {
    const answer = await fetch(`/v1/${path}`, {
      method: "POST",
      signal: stopper.signal,
      headers: { Authorization: `Bearer ${secret}`, "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
    showAdapted(lane, answer);
    if (!answer.ok) {
      const problem = await answer.json().catch(() => null);
      metric(lane, "status", String(answer.status));
      throw new Error(problem?.error?.message ?? say("error", { status: answer.status }));
    }
    if (body.stream) await stream(lane, answer, begun);
    else await whole(lane, answer, begun);
    metric(lane, "status", `${answer.status} · ${say("done")}`);
  } catch (error) {
    fail(lane, out, error);
  } finally {
    out.classList.remove("caret");
    running.delete(lane);
    buttons();
  }
}

function fail(lane, out, error) {
  if (error.name === "AbortError") {
    metric(lane, "status", say("stopped"));
    return;
  }
  out.classList.add("bad");
  out.append(`${out.textContent ? "\n\n" : ""}${error instanceof TypeError ? say("offline") : error.message}`);
}

function buttons() {
  form.querySelector("[data-stop]").hidden = !running.size;
  form.querySelector("[data-run]").disabled = running.size > 0;
}

async function run(event) {
  event.preventDefault();
  const lanes = all();
  if (!form.prompt.value.trim()) return toast(say("write_prompt"), "warning");
  if (lanes.some((lane) => !part(lane, "model").value.trim())) return toast(say("choose_model"), "warning");
  try {
    extras();
    const secret = await freshKey();
    await Promise.all(lanes.map((lane) => runLane(lane, secret)));
  } catch (error) {
    toast(error.message, "error");
  }
}

function add(name = "") {
  const lanes = form.querySelector("[data-lanes]");
  if (all().length >= MOST) return;
  lanes.append(document.getElementById("lane").content.cloneNode(true));
  const lane = lanes.lastElementChild;
  part(lane, "model").value = name;
  if (!name) part(lane, "model").focus();
  settle();
}

function settle() {
  const count = all().length;
  form.querySelector("[data-lanes]").dataset.n = count;
  form.querySelector("[data-add]").disabled = count >= MOST;
  for (const lane of all()) {
    part(lane, "remove").hidden = count < 2;
    part(lane, "emulated").hidden = !("emulated" in known(part(lane, "model").value));
  }
  const query = new URLSearchParams(all().map((lane) => ["model", part(lane, "model").value]).filter(([, name]) => name));
  history.replaceState(history.state, "", query.size ? `?${query}` : location.pathname);
}

function curl(lane) {
  const { path, body } = callOf(part(lane, "model").value.trim());
  const quoted = JSON.stringify(body).replaceAll("'", "'\\''");
  const text = `curl ${form.dataset.base}/v1/${path} \\\n  -H "Authorization: Bearer $PATCHBAY_KEY" \\\n  -H 'Content-Type: application/json' \\\n  -d '${quoted}'`;
  navigator.clipboard.writeText(text).then(() => toast(say("copied")), () => toast(say("copy_failed"), "error"));
}

export function startPlayground() {
  form = document.getElementById("playground");
  if (!form) return;
  const first = form.dataset.first.split(" ").filter(Boolean);
  (first.length ? first : [""]).forEach((name) => add(name));
  form.addEventListener("submit", run);
  form.addEventListener("change", (event) => { if (event.target.matches("[data-model]")) settle(); });
  form.addEventListener("click", (event) => {
    const lane = event.target.closest("[data-lane]");
    if (event.target.closest("[data-add]")) add();
    if (event.target.closest("[data-stop]")) for (const one of running) one.stopper.abort();
    if (event.target.closest("[data-curl]")) curl(lane);
    if (event.target.closest("[data-remove]")) { lane.stopper?.abort(); lane.remove(); settle(); }
  });
}
