// Keys for the pages that the navigation leads to, and a dialog that shows them. They can be turned off there: who speaks
// to the browser, or rests a hand on the keyboard, would set them off by accident.

const OFF = "coindex-keys-off";
const links = [...document.querySelectorAll("nav.wide a[data-key]")];
const more = [
  ["/", "search the coins"],
  ["e", "edit this coin"],
  ["?", "show the shortcuts"],
];
const button = document.querySelector("[data-keys]");
button.hidden = false;
button.addEventListener("click", () => show());

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || localStorage.getItem(OFF)) return;
  if (event.target.closest("input, select, textarea, dialog, [contenteditable]")) return;
  const link = links.find((each) => each.dataset.key === event.key);
  if (link) location.assign(link.href);
  else if (event.key === "?") show();
  else if (event.key === "e") edit();
  else if (event.key === "/") search();
  else return;
  event.preventDefault();
});

function edit() {
  const form = document.querySelector("#edit");
  if (!form) return;
  form.open = true;
  form.querySelector("input:not([type=hidden])").focus();
}

function search() {
  const field = document.querySelector('input[type="search"]');
  if (field) field.focus();
  else location.assign(links.find((each) => each.dataset.key === "c").href);
}

function show() {
  const dialog = document.createElement("dialog");
  dialog.className = "keys";
  const title = document.createElement("h2");
  title.textContent = "Keyboard shortcuts";
  const list = document.createElement("dl");
  list.className = "pairs";
  for (const [key, words] of [...links.map((link) => [link.dataset.key, link.textContent]), ...more]) {
    const [term, text] = [document.createElement("dt"), document.createElement("dd")];
    const shown = document.createElement("kbd");
    shown.textContent = key;
    term.append(shown);
    text.textContent = words;
    list.append(term, text);
  }
  const label = document.createElement("label");
  const box = document.createElement("input");
  box.type = "checkbox";
  box.checked = !localStorage.getItem(OFF);
  box.addEventListener("change", () => (box.checked ? localStorage.removeItem(OFF) : localStorage.setItem(OFF, "1")));
  label.append(box, "Use them");
  const close = document.createElement("button");
  close.textContent = "Close";
  close.addEventListener("click", () => dialog.close());
  dialog.setAttribute("aria-label", title.textContent);
  dialog.append(title, list, label, close);
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}
