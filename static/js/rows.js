// Rows of lists: a click anywhere on one opens it, and heads stay in sight where the table fits its card.
const OWN = "a, button, input, select, textarea, label, summary, details[open], dialog, th";

function opener(event) {
  const row = event.target.closest("[data-rows] tbody > tr");
  if (!row || event.defaultPrevented || event.target.closest(OWN) || event.target.closest(".tick")) return null;
  if (!getSelection().isCollapsed) return null;
  return row.querySelector("a.name") ?? row.querySelector("td > details > summary");
}

function open(event) {
  const target = opener(event);
  if (!target) return;
  const aside = event.button === 1 || event.ctrlKey || event.metaKey || event.shiftKey;
  if (aside && target.href) window.open(target.href, "_blank", "noopener");
  else if (event.button === 0) target.click();
}

// A table wider than its card scrolls sideways; its head then scrolls with it.
const fitting = new ResizeObserver((entries) => {
  for (const { target } of entries) measure(target.closest(".scroll"));
});

function measure(box) {
  box?.classList.toggle("fits", box.firstElementChild.offsetWidth <= box.clientWidth);
}

function watchTables() {
  for (const table of document.querySelectorAll(".scroll > table[data-rows]")) {
    fitting.observe(table);
    fitting.observe(table.parentElement);
  }
}

export function startRows() {
  document.addEventListener("click", open);
  document.addEventListener("auxclick", open);
  document.addEventListener("htmx:afterSettle", watchTables);
  watchTables();
}
