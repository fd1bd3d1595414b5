// Counts what is ticked, ticks a whole page, and ticks from the last one to this one with Shift.

for (const form of document.querySelectorAll("form.chosen")) {
  const boxes = [...document.querySelectorAll(`input[form="${form.id}"][type="checkbox"]`)];
  const told = form.querySelector("[data-count]");
  const all = form.querySelector("[data-all]");
  const start = told.textContent;
  let last = null;

  const tell = () => {
    const ticked = boxes.filter((box) => box.checked).length;
    told.textContent = ticked ? `${ticked} chosen` : start;
    all.textContent = ticked === boxes.length ? "Tick none" : "Tick this page";
  };
  for (const box of boxes) {
    box.addEventListener("click", (event) => {
      if (event.shiftKey && last) {
        const [from, to] = [boxes.indexOf(last), boxes.indexOf(box)].sort((a, b) => a - b);
        for (const each of boxes.slice(from, to + 1)) each.checked = box.checked;
      }
      last = box;
      tell();
    });
  }
  all.hidden = false;
  all.addEventListener("click", () => {
    const tick = boxes.some((box) => !box.checked);
    for (const box of boxes) box.checked = tick;
    tell();
  });
  tell();
}
