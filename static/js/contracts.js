// What models take, as the server tells it: offers for the picker, a form drawn from declared parameters.
import { ask } from "./session.js";
import { say, decimal } from "./words.js";

const WAIT_MS = 120;
const COMMON = [{ name: "temperature", type: "float" }, { name: "max_tokens", type: "int" }];
const known = new Map();
let timer = 0;
let turn = 0;

const made = (tag, fields = {}) => Object.assign(document.createElement(tag), fields);
const pathOf = (name) => name.split("/").map(encodeURIComponent).join("/");

export const contractOf = (name) => known.get(name);

// Unknown names are asked for again each time: somebody may have made the model meanwhile.
export async function fetchContract(form, name) {
  if (!name || known.get(name)) return known.get(name);
  const answer = await ask(`${form.dataset.modelsUrl}/${pathOf(name)}`);
  if (answer.ok) known.set(name, await answer.json());
  else if (answer.status !== 404) throw new Error(say("error", { status: answer.status }));
  return known.get(name);
}

async function offer(form, words) {
  const mine = ++turn;
  const answer = await ask(`${form.dataset.modelsUrl}?q=${encodeURIComponent(words)}`);
  if (!answer.ok || mine !== turn) return;
  const { models } = await answer.json();
  const options = models.map((model) => made("option", { value: model.name, label: `${model.type} · ${model.protocol}` }));
  form.querySelector("#known-models").replaceChildren(...options);
}

export function startPicker(form) {
  const look = (event) => {
    if (!event.target.matches("[data-model]")) return;
    clearTimeout(timer);
    timer = setTimeout(() => offer(form, event.target.value.trim()), WAIT_MS);
  };
  form.addEventListener("input", look);
  form.addEventListener("focusin", look);
}

// Where a model declares nothing, whatever is sent travels unchanged; a chat model then gets the two usual fields.
function declared(contract) {
  if (contract.parameters.length || contract.type !== "llm") return contract.parameters;
  return COMMON;
}

function limits({ low, high, default: usual, required }) {
  const open = low ?? high ?? null;
  const range = open === null ? "" : `${low === null ? "−∞" : decimal(low)} … ${high === null ? "∞" : decimal(high)}`;
  const known = usual === null || usual === undefined ? "" : say("default", { value: JSON.stringify(usual) });
  return [range, known, required ? say("required") : ""].filter(Boolean).join(" · ");
}

function control(parameter, id) {
  const { type, options = [], low, high } = parameter;
  const common = { id, name: `p:${parameter.name}` };
  const choices = type === "bool" ? [true, false] : options;
  if (choices.length) {
    const select = made("select", common);
    select.append(made("option", { value: "", textContent: "–" }));
    select.append(...choices.map((one) => made("option", { value: JSON.stringify(one), textContent: String(one) })));
    return select;
  }
  const numeric = type === "int" || type === "float";
  const input = made("input", { ...common, type: numeric ? "number" : "text", spellcheck: false });
  if (numeric) Object.assign(input, { step: type === "int" ? "1" : "any", min: low ?? "", max: high ?? "" });
  if (type === "array" || type === "object") input.placeholder = type === "array" ? "[…]" : "{…}";
  return input;
}

function fieldOf(parameter) {
  const id = `parameter-${parameter.name}`;
  const field = made("div", { className: "field" });
  field.append(made("label", { htmlFor: id, textContent: parameter.name }), control(parameter, id));
  const words = [parameter.description, limits(parameter)].filter(Boolean).join(" · ");
  if (words) {
    field.append(made("p", { id: `${id}-hint`, className: "hint", textContent: words }));
    field.children[1].setAttribute("aria-describedby", `${id}-hint`);
  }
  return field;
}

export function drawParameters(form, names) {
  const spot = form.querySelector("[data-parameters]");
  const kept = new Map([...spot.querySelectorAll("[name]")].map((field) => [field.name, field.value]));
  const found = new Map();
  for (const name of names) {
    for (const one of known.get(name) ? declared(known.get(name)) : []) if (!found.has(one.name)) found.set(one.name, one);
  }
  if ([...found.keys()].join("\n") === spot.dataset.names) return;
  spot.dataset.names = [...found.keys()].join("\n");
  spot.replaceChildren(...[...found.values()].map(fieldOf));
  for (const field of spot.querySelectorAll("[name]")) field.value = kept.get(field.name) ?? "";
}

function valueOf({ name, type, options = [] }, text) {
  if (type === "string" && !options.length) return text;
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(say("not_json", { name }));
  }
}

export function parametersFor(form, contract) {
  const given = {};
  for (const one of declared(contract)) {
    const text = form.elements[`p:${one.name}`]?.value ?? "";
    if (text !== "") given[one.name] = valueOf(one, text);
  }
  return given;
}
