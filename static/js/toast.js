// One polite live region for everything that is announced.
const STAY_MS = 6000;

export function toast(text, kind = "success") {
  const region = document.getElementById("toasts");
  const item = document.createElement("div");
  item.className = `toast ${kind}`;
  item.textContent = text;
  region.append(item);
  while (region.children.length > 3) region.firstElementChild.remove();
  leave(item, kind === "error" ? STAY_MS * 2 : STAY_MS);
}

export function leave(item, after = STAY_MS) {
  let timer = setTimeout(() => item.remove(), after);
  item.addEventListener("mouseenter", () => clearTimeout(timer));
  item.addEventListener("mouseleave", () => { timer = setTimeout(() => item.remove(), 2000); });
  item.addEventListener("click", (event) => { if (!event.target.closest("button")) item.remove(); });
}
