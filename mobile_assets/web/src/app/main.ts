/** Opens what the app needs, in the order in which it is needed, and shows the page that the address names. */

import "./style.css";
import { missing } from "./device";
import { announce, button, dismissDone, el, icon } from "./dom";
import { type Engine, Failure, type Status, startEngine } from "./engine";
import { type Kinds, loadKinds } from "./kinds";
import { narrowedTo } from "./narrow";
import { keepCatalogue } from "./news";
import { newsWords } from "./news-words";
import { type Own, openOwn, withOwnKinds } from "./own";
import { catalogue } from "./pages/catalogue";
import { collection } from "./pages/collection";
import { firstVisit } from "./pages/first";
import { history } from "./pages/history";
import { own as ownPage } from "./pages/own";
import { type App, failureNotice, heading, notice, type Page, type Shown } from "./pages/page";
import { recognise } from "./pages/recognise";
import { restoreContrast, settings } from "./pages/settings";
import { openRecords, type Records } from "./records";
import { followUpdates, startServiceWorker, tellNotKept } from "./shell";
import { strings } from "./strings";

const PAGES = { recognise, collection, history, catalogue, own: ownPage, settings } satisfies Record<
  keyof typeof strings.pages,
  Page
>;
type PageName = keyof typeof PAGES;

/** What the bar leads to; the settings are rarer, and lie in the corner. */
const TABS = ["recognise", "collection", "history", "catalogue"] as const satisfies PageName[];

/** A catalogue that is older than this is compared with the server's as soon as the app opens. */
const CHECK_AFTER_MS = 6 * 3600 * 1000;

async function start(): Promise<void> {
  restoreContrast();
  const place = el("main", { id: "content", tabindex: "-1" });
  const pill = el("a", { href: "#settings", class: "pill" });
  const banner = el("div", { class: "banner", role: "status" });
  document.body.replaceChildren(
    el("a", { href: "#content", class: "skip" }, strings.skip),
    el(
      "header",
      {},
      el(
        "a",
        { href: "#recognise", class: "brand" },
        el("img", { src: "./icons/icon.svg", alt: "", width: 28, height: 28 }),
        strings.app,
      ),
      el(
        "span",
        { class: "corner" },
        pill,
        el("a", { href: "#settings", class: "plain", "aria-label": strings.pages.settings }, icon("settings")),
      ),
    ),
    banner,
    place,
    el("p", { id: "announcements", class: "unseen", role: "status" }),
  );

  const lacking = await missing();
  if (lacking.length) {
    const words = strings.oldBrowser;
    const text = isSecureContext ? words.text : words.insecure;
    pill.hidden = true;
    place.replaceChildren(
      heading(strings.app),
      notice(words.title, text, el("p", {}, words.lacks(lacking.join(", ")))),
    );
    return;
  }
  if (await startServiceWorker()) followUpdates(banner);
  else tellNotKept(banner);

  const engine = startEngine();
  let status: Status | null = null;
  let records: Records;
  let own: Own;
  const known = knownKinds(engine, () => app);
  const { kinds } = known;
  try {
    records = await openRecords(kinds);
    own = await openOwn();
    await engine.narrow(narrowedTo());
    status = await engine.open();
  } catch (error) {
    const failure = error instanceof Failure ? error : new Failure("runtime", String(error));
    place.replaceChildren(heading(strings.app), failureNotice(failure.kind, failure.detail));
    return;
  }
  const app: App = { engine, records, own, catalogue: keepCatalogue(engine, status), ...known };
  const showNews = (): void => {
    pill.textContent = newsWords(app.catalogue);
    pill.dataset.state = app.catalogue.news.state;
    pill.hidden = !app.catalogue.status;
  };
  app.catalogue.onChange(showNews);
  for (const name of ["online", "offline"]) addEventListener(name, showNews);
  showNews();

  if (status) run(app, place);
  else {
    firstVisit(app, place, () => {
      run(app, place);
      announce(strings.first.done);
    });
  }
}

/** The coins of the catalogue, asked once for each release, and one's own, read again after each change. */
function knownKinds(engine: Engine, app: () => App): Pick<App, "kinds" | "renewOwn"> {
  let hash: string | undefined;
  let catalogue: Promise<Kinds> | null = null;
  let asked: Promise<Kinds> | null = null;
  const both = async (kinds: Promise<Kinds>): Promise<Kinds> => withOwnKinds(await kinds, await app().own.coins());
  return {
    async kinds() {
      const now = app().catalogue.status?.stateHash;
      if (!now) return null;
      if (now !== hash) {
        hash = now;
        catalogue = null;
        asked = null;
      }
      catalogue ??= loadKinds(engine.kinds);
      asked ??= both(catalogue);
      // What failed once may work the next time.
      asked.catch(() => {
        catalogue = null;
        asked = null;
      });
      return asked;
    },
    async renewOwn() {
      await engine.refreshOwn();
      asked = null;
    },
  };
}

/** The pages, by the part of the address after `#`. */
function run(app: App, place: HTMLElement): void {
  const links = new Map<PageName, HTMLAnchorElement>();
  for (const name of TABS) {
    links.set(name, el("a", { href: `#${name}` }, icon(name), el("span", {}, strings.pages[name])));
  }
  document.body.append(el("nav", { "aria-label": strings.navigation }, ...links.values()));

  let now: Shown = {};
  let shown: PageName | undefined;
  function show(): void {
    const asked = location.hash.slice(1);
    if (asked === "content") {
      place.focus();
      return;
    }
    const [first = "", ...parts] = asked.split("/").map(decoded);
    const name: PageName = Object.hasOwn(PAGES, first) ? (first as PageName) : "recognise";
    if (name === shown && now.turn) {
      now.turn(parts);
      return;
    }
    if (name !== shown) dismissDone();
    now.leave?.();
    for (const [other, link] of links) {
      if (other === name) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    document.title = `${strings.pages[name]} · ${strings.app}`;
    document.body.dataset.page = name;
    const entered = PAGES[name](app, place, parts);
    now = typeof entered === "function" ? { leave: entered } : (entered ?? {});
    scrollTo(0, 0);
    // The first page comes with the document; later ones are told to a screen reader by their heading.
    if (shown) place.querySelector<HTMLElement>("h1")?.focus();
    shown = name;
  }
  addEventListener("hashchange", show);
  for (const [name, link] of links) {
    // The tab of the page that is shown leads back to its beginning, though the address stays.
    link.addEventListener("click", () => {
      if (name === shown && link.hash === (location.hash || "#recognise")) show();
    });
  }
  show();
  bindPieces(app);

  const due = (): boolean => Date.now() - (app.catalogue.status?.checked ?? 0) > CHECK_AFTER_MS;
  const lookForNews = (): void => {
    if (navigator.onLine && due()) void app.catalogue.sync();
  };
  addEventListener("online", lookForNews);
  lookForNews();
}

/** A part of an address; what is no such part stays as it is. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** Find the class of what is in the collection without one, now and whenever the catalogue changes. */
function bindPieces({ catalogue, records }: App): void {
  let hash: string | undefined;
  const bind = (): void => {
    const now = catalogue.status?.stateHash;
    if (now === hash) return;
    hash = now;
    void records.bind();
  };
  catalogue.onChange(bind);
  bind();
}

start().catch((error: unknown) => {
  const detail = error instanceof Error ? error.message : String(error);
  const again = button(strings.retry, () => location.reload(), { kind: "primary" });
  document.body.append(failureNotice("runtime", detail, again));
});
