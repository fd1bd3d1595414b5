/** Opens what the app needs, in the order in which it is needed, and shows the page that the address names. */

import "./style.css";
import { missing } from "./device";
import { announce, button, el, icon } from "./dom";
import { Failure, type Status, startEngine } from "./engine";
import { keepCatalogue } from "./news";
import { newsWords } from "./news-words";
import { catalogue, restoreContrast } from "./pages/catalogue";
import { collection } from "./pages/collection";
import { firstVisit } from "./pages/first";
import { history } from "./pages/history";
import { type App, failureNotice, heading, notice, type Page } from "./pages/page";
import { recognise } from "./pages/recognise";
import { openRecords } from "./records";
import { followUpdates, startServiceWorker, tellNotKept } from "./shell";
import { strings } from "./strings";

const PAGES = { recognise, collection, history, catalogue } satisfies Record<keyof typeof strings.pages, Page>;
type PageName = keyof typeof PAGES;

/** A catalogue that is older than this is compared with the server's as soon as the app opens. */
const CHECK_AFTER_MS = 6 * 3600 * 1000;

async function start(): Promise<void> {
  restoreContrast();
  const place = el("main", { id: "content", tabindex: "-1" });
  const pill = el("a", { href: "#catalogue", class: "pill" });
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
      pill,
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
  const records = await openRecords();
  let status: Status | null = null;
  try {
    status = await engine.open();
  } catch (error) {
    const failure = error instanceof Failure ? error : new Failure("runtime", String(error));
    place.replaceChildren(heading(strings.app), failureNotice(failure.kind, failure.detail));
    return;
  }
  const app: App = { engine, records, catalogue: keepCatalogue(engine, status) };
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

/** The pages, by the part of the address after `#`. */
function run(app: App, place: HTMLElement): void {
  const links = new Map<PageName, HTMLAnchorElement>();
  for (const name of Object.keys(PAGES) as PageName[]) {
    links.set(name, el("a", { href: `#${name}` }, icon(name), el("span", {}, strings.pages[name])));
  }
  document.body.append(el("nav", { "aria-label": strings.navigation }, ...links.values()));

  let leave: (() => void) | undefined;
  let shown: PageName | undefined;
  function show(): void {
    const asked = location.hash.slice(1);
    if (asked === "content") {
      place.focus();
      return;
    }
    const name: PageName = asked in PAGES ? (asked as PageName) : "recognise";
    leave?.();
    for (const [other, link] of links) {
      if (other === name) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    document.title = `${strings.pages[name]} · ${strings.app}`;
    document.body.dataset.page = name;
    leave = PAGES[name](app, place);
    scrollTo(0, 0);
    // The first page comes with the document; later ones are told to a screen reader by their heading.
    if (shown) place.querySelector<HTMLElement>("h1")?.focus();
    shown = name;
  }
  addEventListener("hashchange", show);
  show();

  const due = (): boolean => Date.now() - (app.catalogue.status?.checked ?? 0) > CHECK_AFTER_MS;
  const lookForNews = (): void => {
    if (navigator.onLine && due()) void app.catalogue.sync();
  };
  addEventListener("online", lookForNews);
  lookForNews();
}

start().catch((error: unknown) => {
  const detail = error instanceof Error ? error.message : String(error);
  const again = button(strings.retry, () => location.reload(), { kind: "primary" });
  document.body.append(failureNotice("runtime", detail, again));
});
