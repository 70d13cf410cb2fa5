// One dialog for everything that needs a second thought. Irreversible things ask for a name.
import { say } from "./words.js";

const dialog = document.getElementById("confirm");

export function confirmed({ title, text, go, name = "" }) {
  const part = (selector) => dialog.querySelector(selector);
  const field = part("#confirm-name");
  const button = part("[data-confirm-go]");
  part("[data-confirm-title]").textContent = title;
  part("[data-confirm-text]").textContent = text;
  part("[data-confirm-field]").hidden = !name;
  button.textContent = go;
  field.value = "";
  part("[data-confirm-label]").textContent = say("type_name", { name });
  const check = () => { button.disabled = Boolean(name) && field.value.trim() !== name; };
  check();
  field.oninput = check;
  dialog.returnValue = "";
  return new Promise((resolve) => {
    button.value = "yes";
    dialog.onclose = () => resolve(dialog.returnValue === "yes");
    dialog.showModal();
    if (name) field.focus();
  });
}
