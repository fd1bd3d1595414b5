// Shows at once what chosen or dropped photos would become: the coin cut out, warnings, and what is like it.
// Without it the form works all the same, and the server says what it refuses.

const csrf = document.querySelector('meta[name="csrf"]').content;
const MOST = 20;

for (const drop of document.querySelectorAll(".drop")) {
  const inputs = [...drop.querySelectorAll('input[type="file"]')];
  const list = drop.querySelector(".checked");

  const show = async () => {
    list.replaceChildren();
    const files = inputs.flatMap((input) => [...input.files]);
    if (files.length > MOST) {
      list.append(item(`${files.length} photos were chosen; ${MOST} at once are the most.`));
      return;
    }
    // One after the other: the server looks at each with the nets.
    for (const file of files) {
      const entry = item("Looking…");
      list.append(entry);
      entry.replaceChildren(...(await check(drop.dataset.check, file)));
    }
  };

  for (const input of inputs) input.addEventListener("change", show);
  for (const name of ["dragenter", "dragover"]) {
    drop.addEventListener(name, (event) => {
      event.preventDefault();
      drop.classList.add("over");
    });
  }
  drop.addEventListener("dragleave", () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    inputs[0].files = event.dataTransfer.files;
    show();
  });
}

async function check(url, file) {
  const name = element("span", "name", file.name);
  const form = new FormData();
  form.append("photo", file);
  let answer;
  try {
    const response = await fetch(url, { method: "POST", body: form, headers: { "X-CSRF-Token": csrf } });
    answer = await response.json();
  } catch {
    answer = { problem: "The server did not answer; the photo can still be sent." };
  }
  if (answer.problem) return [name, warnings([answer.problem])];
  const parts = [name];
  if (answer.picture) {
    const picture = element("img");
    picture.src = answer.picture;
    picture.alt = "the coin that was found";
    parts.unshift(picture);
  }
  parts.push(
    answer.warnings.length ? warnings(answer.warnings.map((each) => each.text)) : element("span", "fine", "A good photo."),
  );
  if (answer.alike.length) parts.push(alike(answer.alike));
  return parts;
}

function alike(rows) {
  const box = element("div", "alike");
  box.append(element("span", "warnings", "Much like it, and in the catalogue already:"));
  for (const row of rows) {
    const link = element("a");
    link.href = row.page;
    const picture = element("img");
    picture.src = row.thumbnail;
    picture.alt = row.name;
    link.append(picture, element("span", "detail", `${row.name} (distance ${row.distance})`));
    box.append(link);
  }
  return box;
}

function warnings(texts) {
  const list = element("ul", "warnings");
  list.append(...texts.map((text) => element("li", "", text)));
  return list;
}

function item(text) {
  return element("li", "", text);
}

function element(tag, classes = "", text = "") {
  const made = document.createElement(tag);
  if (classes) made.className = classes;
  made.textContent = text;
  return made;
}
