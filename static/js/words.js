// Texts come from the server in the reader's language; `{name}` is filled in here.
const table = JSON.parse(document.documentElement.dataset.words || "{}");

export function say(key, values = {}) {
  return (table[key] ?? key).replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

export const language = document.documentElement.lang;
const plain = new Intl.NumberFormat(language);
const short = new Intl.NumberFormat(language, { maximumFractionDigits: 1 });

export const number = (value) => plain.format(value);
export const decimal = (value) => short.format(value);

export function duration(seconds) {
  return seconds < 90 ? say("seconds", { n: Math.round(seconds) }) : say("minutes", { n: Math.round(seconds / 60) });
}
