/** Sending a coin of one's own to the curator: asked before, told after, and what became of it. */

import { announce, button, el, picture } from "../dom";
import { proposal } from "../offer";
import type { Offered, OwnEntry } from "../own";
import { SendError, sendProposal, takesProposals, whatBecame } from "../sending";
import { strings } from "../strings";
import { type App, notice } from "./page";

const words = strings.sending;

/** What the page of own coins knows of the server, asked once each time it is opened. */
export interface Desk {
  /** Whether proposals can be sent. */
  readonly open: Promise<boolean>;
}

export function openDesk(): Desk {
  return { open: navigator.onLine ? takesProposals() : Promise.resolve(false) };
}

/** Ask what became of the coins that wait; whether any of them was decided. */
export async function askAfter(app: App, coins: readonly OwnEntry[]): Promise<boolean> {
  let decided = false;
  for (const { id, offered } of coins) {
    if (offered?.state !== "waiting") continue;
    const now = await whatBecame(offered).catch(() => offered);
    if (now.state === offered.state && now.word === offered.word) continue;
    await app.own.change(id, (coin) => ({ ...coin, offered: now }));
    decided = true;
  }
  return decided;
}

/** How a coin's proposal stands, and the button that sends it, where the desk is open and it does not wait already. */
export function sendingOf(
  app: App,
  { id, name, offered }: OwnEntry,
  desk: Desk,
  redraw: () => Promise<void>,
): HTMLElement {
  const place = el("div", { class: "sending" });
  const told = el("div", { role: "status" });
  place.append(told, offered ? standing(offered) : "");
  if (offered?.state === "waiting" || offered?.state === "accepted") return place;
  const send = async (): Promise<void> => {
    const coin = await app.own.coin(id);
    if (!coin || !(await agreed(coin))) return;
    press.disabled = true;
    press.textContent = words.going;
    told.replaceChildren();
    try {
      const sent = await sendProposal(await proposal(coin));
      await app.own.change(id, (each) => ({ ...each, offered: sent }));
      announce(words.sent(name));
      await redraw();
      document.getElementById(`own-${id}`)?.querySelector<HTMLElement>(".standing")?.focus();
    } catch (error) {
      press.disabled = false;
      press.textContent = words.send;
      told.replaceChildren(trouble(error));
    }
  };
  const press = button(words.send, () => void send());
  void desk.open.then((open) => {
    if (open) place.append(press);
  });
  return place;
}

function standing({ state, word, at }: Offered): HTMLElement {
  const said = { waiting: words.waiting, accepted: words.accepted, rejected: words.rejected }[state](strings.day(at));
  return el(
    "p",
    { class: state === "rejected" ? "told warning standing" : "told standing", tabindex: "-1" },
    said,
    word ? el("span", { class: "about" }, ` ${words.word(word)}`) : null,
  );
}

/** Say what would leave the device, and to whom; false where it is called off. */
function agreed({ name, country, note, photos }: OwnEntry): Promise<boolean> {
  return new Promise((resolve) => {
    const dialog = el("dialog", { "aria-labelledby": "send-title", class: "question tall" });
    const answer = (value: boolean): void => {
      dialog.close();
      dialog.remove();
      resolve(value);
    };
    const facts: [string, string][] = [
      [strings.own.name, name],
      [strings.own.country, country],
      [strings.own.note, note],
    ];
    dialog.append(
      el("h2", { id: "send-title" }, words.title),
      el("p", {}, words.consent(location.host)),
      el(
        "div",
        { class: "pair wrap" },
        ...photos.map(({ file }, place) => picture(file, strings.own.photo(place + 1), 96)),
      ),
      el(
        "dl",
        { class: "facts" },
        ...facts.filter(([, value]) => value).flatMap(([label, value]) => [el("dt", {}, label), el("dd", {}, value)]),
      ),
      el("p", { class: "quiet" }, words.bare),
      el(
        "div",
        { class: "row" },
        button(strings.cancel, () => answer(false)),
        button(words.agree, () => answer(true), { kind: "primary" }),
      ),
    );
    dialog.addEventListener("cancel", () => answer(false));
    document.body.append(dialog);
    dialog.showModal();
  });
}

function trouble(error: unknown): HTMLElement {
  const failed = error instanceof SendError ? error : new SendError("server", String(error));
  const said = words.troubles[failed.trouble];
  const later = failed.minutes === null ? null : el("p", {}, words.later(failed.minutes));
  const details = el("details", {}, el("summary", {}, strings.details), el("code", {}, failed.detail));
  return notice(words.failed, said, later, details);
}
