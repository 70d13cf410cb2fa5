// The playground: the real /v1 with a key that lives for minutes and is held in this module only.
import { ask } from "./session.js";
import { dataLines } from "./sse.js";
import { toast } from "./toast.js";
import { contractOf, drawParameters, fetchContract, parametersFor, startPicker } from "./contracts.js";
import { say, number, decimal } from "./words.js";

const MOST = 4;
let form = null;
let key = { value: "", until: 0 };
const running = new Set();

const all = () => [...form.querySelectorAll("[data-lane]")];
const part = (lane, name) => lane.querySelector(`[data-${name}]`);
const metric = (lane, name, text) => { lane.querySelector(`[data-m="${name}"]`).textContent = text; };
const nameIn = (lane) => part(lane, "model").value.trim();
let pristine = "";

async function freshKey() {
  if (Date.now() < key.until) return key.value;
  const answer = await ask(form.dataset.keyUrl, { method: "POST" });
  if (!answer.ok) throw new Error(say("error", { status: answer.status }));
  const { key: value, seconds } = await answer.json();
  key = { value, until: Date.now() + seconds * 400 };
  return value;
}

function extras() {
  if (!form.extra.value.trim()) return {};
  try {
    return JSON.parse(form.extra.value);
  } catch {
    throw new Error(say("not_json", { name: form.extra.labels[0].firstChild.data.trim() }));
  }
}

function callOf(contract) {
  const { type, path, body } = contract;
  const prompt = form.prompt.value;
  const given = { ...parametersFor(form, contract), ...extras() };
  if ("inputs" in body) return { path, body: { inputs: type === "tensor" ? tensors(contract) : prompt, parameters: given } };
  if ("messages" in body) {
    const system = form.system.value.trim();
    const messages = [...(system ? [{ role: "system", content: system }] : []), { role: "user", content: prompt }];
    return { path, body: { ...body, messages, stream: true, stream_options: { include_usage: true }, ...given } };
  }
  const content = { input: prompt, prompt, query: prompt, documents: prompt.split("\n") };
  const own = Object.keys(body).filter((key) => key in content).map((key) => [key, content[key]]);
  return { path, body: { ...body, ...Object.fromEntries(own), ...given } };
}

const example = (contract) => JSON.stringify(contract.body.inputs);

function tensors(contract) {
  try {
    const given = JSON.parse(form.prompt.value);
    if (Array.isArray(given) && typeof given[0] === "object") return given;
  } catch { /* told below */ }
  if (form.prompt.value === pristine) return contract.body.inputs;
  throw new Error(say("tensors", { name: contract.name }));
}

// While nobody has typed, the message is what the first model takes: words, or its snippet's tensors.
function suggest(contract) {
  const untouched = form.prompt.value === pristine;
  const text = contract.type === "tensor" ? example(contract) : form.prompt.defaultValue;
  if (!untouched || pristine === text) return;
  form.prompt.value = text;
  pristine = text;
}

function showAdapted(lane, answer) {
  const text = answer.headers.get("x-patchbay-adapted") ?? "";
  const id = answer.headers.get("x-request-id") ?? "";
  const names = [...text.matchAll(/(?:^|, )([^;,]+);action=/g)].map((found) => decodeURIComponent(found[1]));
  part(lane, "adapted").hidden = !text;
  part(lane, "adapted").textContent = text ? say("adapted", { names: names.join(", ") }) : "";
  const link = part(lane, "call");
  link.hidden = !id;
  link.href = `${form.dataset.callsUrl}/${encodeURIComponent(id)}`;
  link.title = id;
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

async function runLane(lane, secret, { path, body }) {
  const stopper = new AbortController();
  const out = part(lane, "out");
  lane.stopper = stopper;
  running.add(lane);
  buttons();
  for (const name of ["ttft", "rate", "tokens"]) metric(lane, name, "–");
  for (const name of ["adapted", "call"]) part(lane, name).hidden = true;
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
  if (lanes.some((lane) => !nameIn(lane))) return toast(say("choose_model"), "warning");
  try {
    await settle();
    const unknown = lanes.find((lane) => !contractOf(nameIn(lane)));
    if (unknown) return part(unknown, "model").focus();
    const calls = lanes.map((lane) => callOf(contractOf(nameIn(lane))));
    const secret = await freshKey();
    await Promise.all(lanes.map((lane, at) => runLane(lane, secret, calls[at])));
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
  settled();
}

async function settle() {
  const lanes = all();
  const names = lanes.map(nameIn);
  form.querySelector("[data-lanes]").dataset.n = lanes.length;
  form.querySelector("[data-add]").disabled = lanes.length >= MOST;
  for (const lane of lanes) part(lane, "remove").hidden = lanes.length < 2;
  const query = new URLSearchParams(names.filter(Boolean).map((name) => ["model", name]));
  history.replaceState(history.state, "", query.size ? `?${query}` : location.pathname);
  await Promise.all(names.map((name) => fetchContract(form, name)));
  for (const lane of all()) tell(lane, contractOf(nameIn(lane)));
  drawParameters(form, all().map(nameIn));
  const first = all().length && contractOf(nameIn(all()[0]));
  if (first) suggest(first);
}

function tell(lane, contract) {
  const unknown = nameIn(lane) && !contract;
  part(lane, "emulated").hidden = !contract?.emulated;
  part(lane, "unknown").hidden = !unknown;
  part(lane, "unknown").textContent = unknown ? say("no_such_model", { name: nameIn(lane) }) : "";
  part(lane, "model").setAttribute("aria-invalid", String(Boolean(unknown)));
}

const settled = () => settle().catch((error) => toast(error.message, "error"));

async function curl(lane) {
  await settle();
  const contract = contractOf(nameIn(lane));
  if (!contract) return toast(say("choose_model"), "warning");
  const { path, body } = callOf(contract);
  const quoted = JSON.stringify(body).replaceAll("'", "'\\''");
  const text = `curl ${form.dataset.base}/v1/${path} \\\n  -H "Authorization: Bearer $PATCHBAY_KEY" \\\n  -H 'Content-Type: application/json' \\\n  -d '${quoted}'`;
  await navigator.clipboard.writeText(text).then(() => toast(say("copied")), () => toast(say("copy_failed"), "error"));
}

export function startPlayground() {
  form = document.getElementById("playground");
  if (!form) return;
  pristine = form.prompt.value;
  const first = form.dataset.first.split(" ").filter(Boolean);
  (first.length ? first : [""]).forEach((name) => add(name));
  form.addEventListener("submit", run);
  form.addEventListener("change", (event) => { if (event.target.matches("[data-model]")) settled(); });
  startPicker(form);
  form.addEventListener("click", (event) => {
    const lane = event.target.closest("[data-lane]");
    if (event.target.closest("[data-add]")) add();
    if (event.target.closest("[data-stop]")) for (const one of running) one.stopper.abort();
    if (event.target.closest("[data-curl]")) curl(lane).catch((error) => toast(error.message, "error"));
    if (event.target.closest("[data-remove]")) { lane.stopper?.abort(); lane.remove(); settled(); }
  });
}
