// Sends a ZIP in pieces, so that a network that fails costs one of them. What was sent of it is remembered by its name,
// size and date: chosen again after the page was closed, it goes on. Without this the form sends it as a whole.

const form = document.querySelector("form[data-uploads]");
const archive = form.querySelector('input[name="archive"]');
const told = form.querySelector("[data-told]");
const PIECE = Number(form.dataset.piece);
const WAITS_MS = [1000, 2000, 4000, 8000, 15000, 30000];

form.addEventListener("submit", async (event) => {
  const file = archive.files[0];
  if (!file) return;
  event.preventDefault();
  const button = form.querySelector("button");
  button.disabled = true;
  try {
    const upload = await send(file);
    localStorage.removeItem(keyOf(file));
    const field = document.createElement("input");
    field.type = "hidden";
    field.name = "upload";
    field.value = upload;
    form.append(field);
    archive.disabled = true;
    form.submit();
  } catch (error) {
    tell(error.message);
    button.disabled = false;
  }
});

async function send(file) {
  let { upload, piece, received } = await begun(file);
  while (received < file.size) {
    tell(`${Math.floor((100 * received) / file.size)} % sent`);
    received = await sendPiece(piece, file, received);
  }
  return upload;
}

// The upload that was begun of this file, or a new one.
async function begun(file) {
  const kept = JSON.parse(localStorage.getItem(keyOf(file)) ?? "null");
  if (kept) {
    const response = await fetch(`${kept.piece}.json`);
    if (response.ok) return { ...kept, received: (await response.json()).received };
  }
  const response = await post(form.dataset.uploads, new URLSearchParams({ size: file.size }));
  if (!response.ok) throw new Error("The upload was rejected: the archive is empty or too large, or your session has ended.");
  const made = await response.json();
  localStorage.setItem(keyOf(file), JSON.stringify({ upload: made.upload, piece: made.piece }));
  return made;
}

async function sendPiece(url, file, offset) {
  for (const wait of [...WAITS_MS, null]) {
    let response;
    try {
      response = await post(`${url}?offset=${offset}`, file.slice(offset, offset + PIECE));
    } catch {
      response = null; // the network failed
    }
    if (response?.ok) return (await response.json()).received;
    if (response && response.status < 500 && response.status !== 409) {
      throw new Error("The upload was rejected. Sign in again, reload this page, and choose the file again.");
    }
    // Perhaps the piece arrived and its answer did not.
    const here = await fetch(`${url}.json`).catch(() => null);
    if (here?.ok) {
      const { received } = await here.json();
      if (received !== offset) return received;
    }
    if (wait === null) break;
    tell(`The network failed; trying again in ${wait / 1000} s`);
    await new Promise((resolve) => setTimeout(resolve, wait));
  }
  throw new Error("The server cannot be reached. Choose the file again later: the uploaded part is kept for a day.");
}

function post(url, body) {
  const headers = { "X-CSRF-Token": document.querySelector('meta[name="csrf"]').content };
  if (body instanceof Blob) headers["Content-Type"] = "application/octet-stream";
  return fetch(url, { method: "POST", body, headers });
}

function keyOf(file) {
  return `coindex-upload:${file.name}:${file.size}:${file.lastModified}`;
}

function tell(text) {
  told.textContent = text;
  told.hidden = !text;
}
