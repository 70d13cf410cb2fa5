// The YAML editor: line numbers, a jump to a line, Tab that indents.

function numbers(editor) {
  const frame = document.createElement("div");
  const gutter = document.createElement("pre");
  let lines = 0;
  frame.className = "numbered";
  gutter.className = "gutter";
  gutter.setAttribute("aria-hidden", "true");
  editor.before(frame);
  frame.append(gutter, editor);
  const scroll = () => { gutter.style.transform = `translateY(${-editor.scrollTop}px)`; };
  const count = () => {
    const now = editor.value.split("\n").length;
    if (now !== lines) gutter.textContent = Array.from({ length: now }, (_, at) => at + 1).join("\n");
    lines = now;
    scroll();
  };
  editor.addEventListener("input", count);
  editor.addEventListener("scroll", scroll, { passive: true });
  count();
}

function goToLine(line) {
  const editor = document.querySelector("[data-editor]");
  const start = editor.value.split("\n").slice(0, line - 1).reduce((sum, text) => sum + text.length + 1, 0);
  const end = editor.value.indexOf("\n", start);
  editor.focus();
  editor.setSelectionRange(start, end < 0 ? editor.value.length : end);
  const height = parseFloat(getComputedStyle(editor).lineHeight);
  editor.scrollTop = (line - 4) * height;
  editor.scrollIntoView({ block: "center" });
}

// In an editor Tab indents; Esc first lets Tab leave (WCAG 2.1.2).
function indent(event) {
  const editor = event.target;
  if (!editor.matches?.("[data-editor]")) return;
  if (event.key === "Escape") editor.dataset.leaving = "1";
  else if (event.key === "Tab" && !event.shiftKey && !editor.dataset.leaving) {
    event.preventDefault();
    editor.setRangeText("  ", editor.selectionStart, editor.selectionEnd, "end");
  } else delete editor.dataset.leaving;
}

// A form elsewhere on the page that sends what stands in the editor now.
function withText(event) {
  const source = event.target.dataset.textOf;
  if (source) event.formData.set("text", document.querySelector(source).value);
}

export function startEditor() {
  document.querySelectorAll("[data-editor]").forEach(numbers);
  document.addEventListener("keydown", indent);
  document.addEventListener("formdata", withText);
  document.addEventListener("click", (event) => {
    const line = event.target.closest("[data-goto-line]");
    if (line) goToLine(Number(line.dataset.gotoLine));
  });
}
