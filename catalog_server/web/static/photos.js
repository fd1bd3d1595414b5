// Shows at once what chosen or dropped photos would become, keeps them until they are added, and lets each be taken out.
// Without it the form works all the same, and the server says what it refuses.

const MOST = 20;

for (const drop of document.querySelectorAll(".drop")) photoForm(drop);

function photoForm(drop) {
  const form = drop.closest("form");
  const problem = form.querySelector("[data-problem]");
  const inputs = [...drop.querySelectorAll('input[type="file"]')];
  const list = drop.querySelector(".checked");
  const entries = new Map(); // file: { item, body, code }
  let looking = Promise.resolve();

  // The form's own field holds what is chosen, so that it can be sent without this script too.
  const keep = () => {
    const kept = new DataTransfer();
    for (const file of entries.keys()) kept.items.add(file);
    inputs[0].files = kept.files;
    for (const other of inputs.slice(1)) other.value = "";
    tell(entries.size > MOST ? `${entries.size} photos were chosen; ${MOST} at once are the most.` : "");
  };
  const tell = (text) => {
    problem.textContent = text;
    problem.hidden = !text;
  };
  const isThere = (file) =>
    [...entries.keys()].some((each) => each.name === file.name && each.size === file.size && each.lastModified === file.lastModified);

  const add = (files) => {
    for (const file of files) {
      if (isThere(file)) continue;
      const entry = { item: element("li"), body: element("div"), code: "" };
      entry.body.textContent = entries.size < MOST ? "Looking…" : "Too many photos.";
      entry.item.append(removal(file, entry), element("span", "name", file.name), entry.body);
      entries.set(file, entry);
      list.append(entry.item);
      // One after the other: the server looks at each with the nets.
      if (entries.size <= MOST) looking = looking.then(() => entries.has(file) && look(file, entry));
    }
    keep();
  };
  const removal = (file, entry) => {
    const button = element("button", "quiet remove", "×");
    button.type = "button";
    button.setAttribute("aria-label", `Leave out ${file.name}`);
    button.addEventListener("click", () => {
      entries.delete(file);
      entry.item.remove();
      keep();
      inputs[0].focus();
    });
    return button;
  };
  const look = async (file, entry) => {
    const others = [...entries.values()].filter((each) => each !== entry).map((each) => each.code);
    const sent = { class_id: drop.dataset.class, beside: joined(others) };
    const answer = await check(drop.dataset.check, file, sent);
    entry.code = answer.code ?? "";
    entry.body.replaceChildren(...told(answer));
  };

  for (const input of inputs) input.addEventListener("change", () => add([...input.files]));
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
    add([...event.dataTransfer.files]);
  });

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = event.submitter ?? form.querySelector("button:not([type])");
    button.disabled = true;
    const answer = await send(form);
    if (answer.location) return location.assign(answer.location);
    button.disabled = false;
    tell(answer.problem);
    const all = [...entries.values()];
    for (const entry of all) entry.item.classList.remove("refused");
    for (const [place, reason] of Object.entries(answer.photos ?? {})) {
      all[place]?.item.classList.add("refused");
      all[place]?.body.replaceChildren(warnings([element("span", "", reason)]));
    }
    problem.scrollIntoView({ block: "center" });
  });
}

async function send(form) {
  const headers = { Accept: "application/json" };
  try {
    const response = await fetch(form.action, { method: "POST", body: new FormData(form), headers });
    if (response.headers.get("Content-Type")?.includes("json")) return await response.json();
    if ([401, 403].includes(response.status) && (await signedInAgain())) return await send(form);
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    const why = page.querySelector('[role="alert"]')?.textContent ?? response.statusText;
    return { problem: `${why} Your photos are still here.` };
  } catch {
    return { problem: "The server did not answer. Your photos are still here: send them again." };
  }
}

// A new sign-in in another tab gives another secret: the forms here take it over.
async function signedInAgain() {
  const page = new DOMParser().parseFromString(await (await fetch(location.href)).text(), "text/html");
  const now = page.querySelector('meta[name="csrf"]')?.content;
  const here = document.querySelector('meta[name="csrf"]');
  if (!now || now === here.content) return false;
  here.content = now;
  for (const field of document.querySelectorAll('input[name="csrf"]')) field.value = now;
  return true;
}

async function check(url, file, fields) {
  const form = new FormData();
  form.append("photo", file);
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  const headers = { "X-CSRF-Token": document.querySelector('meta[name="csrf"]').content };
  try {
    return await (await fetch(url, { method: "POST", body: form, headers })).json();
  } catch {
    return { problem: "The server did not answer. You can still send the photo." };
  }
}

function told(answer) {
  if (answer.problem) return [warnings([element("span", "", answer.problem)])];
  const parts = [];
  if (answer.picture) {
    const picture = element("img");
    picture.src = answer.picture;
    picture.alt = "the coin that was found";
    parts.push(picture);
  }
  const found = answer.warnings.map((each) => (each.page ? linked(each) : element("span", "", each.text)));
  parts.push(found.length ? warnings(found) : element("span", "fine", "A good photo."));
  if (answer.alike.length) parts.push(alike(answer.alike));
  return parts;
}

function linked(warning) {
  const link = element("a", "", warning.text);
  link.href = warning.page;
  link.target = "_blank";
  return link;
}

function alike(rows) {
  const box = element("div", "alike");
  box.append(element("span", "warnings", "Very similar photos in the catalogue:"));
  for (const row of rows) {
    const link = element("a");
    link.href = row.page;
    const picture = element("img");
    picture.src = row.thumbnail;
    picture.alt = row.name;
    link.append(picture, element("span", "detail", `${row.same ? "The same photo" : "Almost the same"}: ${row.name}`));
    box.append(link);
  }
  return box;
}

function warnings(parts) {
  const list = element("ul", "warnings");
  for (const part of parts) {
    const item = element("li");
    item.append(part);
    list.append(item);
  }
  return list;
}

// Base64 of several codes, 64 bytes each, as one.
function joined(codes) {
  return btoa(codes.map((code) => atob(code)).join(""));
}

function element(tag, classes = "", text = "") {
  const made = document.createElement(tag);
  if (classes) made.className = classes;
  made.textContent = text;
  return made;
}
