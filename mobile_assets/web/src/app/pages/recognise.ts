/** Photo in, coins out: by the camera, from the gallery, by drop or paste. */

import { type Camera, CameraError, type CameraTrouble, cameraAllowed, startCamera } from "../camera";
import { announce, button, el, icon, picture, svg } from "../dom";
import type { Filter } from "../engine";
import { type Advice, advice } from "../guidance";
import { keepNarrowed } from "../narrow";
import { strings } from "../strings";
import { showAnswer, showTogether } from "./answer";
import { narrowChip } from "./narrowing";
import { heading, notice, type Page } from "./page";
import { edge } from "./photo";

/** A few looks a second: more would warm the phone and show nothing new. */
const LOOK_EVERY_MS = 250;

const TROUBLES: Record<CameraTrouble, readonly [string, string]> = {
  denied: [strings.camera.denied, strings.camera.deniedText],
  none: [strings.camera.none, strings.camera.noneText],
  busy: [strings.camera.busy, strings.camera.busyText],
  insecure: [strings.camera.insecure, strings.camera.insecureText],
};

export const recognise: Page = (app, place) => {
  let camera: Camera | null = null;
  let first: Blob | null = null;
  /** Photos that were chosen together, to be looked at one after the other. */
  let waiting: readonly Blob[] = [];
  /** Stops what is asked for the present view. */
  let asking = new AbortController();
  let left = false;
  /** Counts what is shown, so that what was begun for an earlier view does not draw into a later one. */
  let view = 0;

  function stop(): void {
    camera?.stop();
    camera = null;
    asking.abort();
    asking = new AbortController();
  }

  function capture(): void {
    stop();
    view += 1;
    const title = first ? strings.camera.secondSide : strings.camera.title;
    const intro = first ? strings.camera.secondText : strings.camera.intro;
    const stage = el("div", { class: "stage" });
    const head = heading(title);
    place.replaceChildren(
      el("div", { class: "lead" }, head, el("p", {}, intro), narrowChip(app, narrow)),
      stage,
      el(
        "div",
        { class: "controls" },
        gallery(),
        el("button", { type: "button", class: "shutter", "aria-label": strings.camera.shutter, disabled: true }),
        first ? button(strings.cancel, restart) : el("span", { class: "spacer" }),
      ),
    );
    stage.append(
      el(
        "div",
        { class: "idle" },
        icon("recognise"),
        button(strings.camera.start, () => void live(stage), { kind: "primary" }),
        el("p", { class: "quiet" }, strings.camera.drop),
      ),
    );
    void cameraAllowed().then((allowed) => {
      if (allowed && stage.isConnected) void live(stage);
    });
  }

  function gallery(): HTMLElement {
    const input = el("input", { type: "file", accept: "image/*", id: "photo", class: "unseen", multiple: !first });
    input.addEventListener("change", () => choose([...(input.files ?? [])]));
    return el(
      "div",
      { class: "gallery" },
      input,
      el("label", { for: "photo", class: "button" }, icon("gallery"), strings.camera.gallery),
    );
  }

  async function live(stage: HTMLElement): Promise<void> {
    const video = el("video", { "aria-label": strings.camera.live, playsinline: true, muted: true });
    const edges = svg("svg", { class: "edges", "aria-hidden": "true", preserveAspectRatio: "xMidYMid slice" });
    const seen = el("p", { class: "seen", role: "status" }, strings.camera.looking);
    stage.replaceChildren(video, edges, seen);
    const here = view;
    try {
      const started = await startCamera(video);
      if (left || here !== view) {
        started.stop();
        return;
      }
      camera = started;
    } catch (error) {
      if (left || here !== view) return;
      const [title, text] = TROUBLES[error instanceof CameraError ? error.trouble : "none"];
      stage.replaceChildren(
        notice(
          title,
          text,
          button(strings.camera.retry, () => void live(stage)),
        ),
      );
      return;
    }
    const shutter = place.querySelector<HTMLButtonElement>(".shutter");
    const shoot = async (): Promise<void> => {
      if (camera) take(await camera.take());
    };
    if (shutter) {
      shutter.disabled = false;
      shutter.addEventListener("click", () => void shoot());
    }
    video.addEventListener("click", () => void shoot());
    void follow(camera, edges, seen, here);
  }

  async function follow(of: Camera, edges: SVGElement, seen: HTMLElement, here: number): Promise<void> {
    while (camera === of && here === view) {
      const began = performance.now();
      try {
        const frame = await of.frame();
        const { width, height } = frame;
        const look = await app.engine.outline(frame);
        if (camera !== of) return;
        edges.setAttribute("viewBox", `0 0 ${width} ${height}`);
        edges.replaceChildren(...look.outlines.map((outline) => edge(outline)));
        const words = guidance(advice(look, { width, height }), look.outlines.length);
        // Only what changes is told: a screen reader would repeat it four times a second.
        if (seen.textContent !== words) seen.textContent = words;
      } catch {
        // A frame that could not be looked at is no reason to trouble anybody: the next one comes.
      }
      await new Promise((resolve) => setTimeout(resolve, Math.max(LOOK_EVERY_MS - (performance.now() - began), 30)));
    }
  }

  /** Several photos are both sides of a coin, or are looked at one after the other: the person says which. */
  function choose(files: readonly Blob[]): void {
    const [one, two] = files;
    if (!one) return;
    if (!two || first) {
      take(one);
      return;
    }
    stop();
    view += 1;
    const inTurn = (): void => {
      waiting = files.slice(1);
      take(one);
    };
    const together = (): void => {
      first = one;
      take(two);
    };
    place.replaceChildren(
      heading(strings.photos.title(files.length)),
      el("div", { class: "pair wrap" }, ...files.slice(0, 12).map((file) => picture(file, "", 120))),
      el("p", {}, files.length === 2 ? strings.photos.text : strings.photos.manyText),
      el(
        "div",
        { class: "row" },
        files.length === 2 ? button(strings.photos.together, together, { kind: "primary", symbol: "flip" }) : null,
        button(strings.photos.inTurn, inTurn, { kind: files.length === 2 ? "" : "primary" }),
        button(strings.cancel, restart),
      ),
    );
    focusHeading();
  }

  function take(photo: Blob): void {
    stop();
    view += 1;
    const before = first;
    const { signal } = asking;
    const otherSide = (): void => {
      stop();
      first = before ?? photo;
      capture();
      focusHeading();
    };
    const [following] = waiting;
    const goOn = (): void => {
      waiting = waiting.slice(1);
      take(following!);
    };
    const whole = async (): Promise<void> => {
      await narrow(null);
      first = before;
      take(photo);
    };
    const next = {
      again: following && !before ? goOn : restart,
      ...(following && !before && { againWords: strings.photos.next(waiting.length) }),
      signal,
      whole: () => void whole(),
      otherSide,
    };
    if (before) {
      first = null;
      void showTogether(app, place, [before, photo], next);
    } else void showAnswer(app, place, photo, { ...next, cancel: restart });
  }

  async function narrow(filter: Filter | null): Promise<void> {
    keepNarrowed(filter);
    await app.engine.narrow(filter);
  }

  function restart(): void {
    first = null;
    waiting = [];
    capture();
    focusHeading();
  }

  function focusHeading(): void {
    place.querySelector<HTMLElement>("h1")?.focus();
  }

  const drag = (event: DragEvent): void => {
    event.preventDefault();
    document.body.classList.toggle("dropping", event.type === "dragover");
    if (event.type !== "drop") return;
    choose([...(event.dataTransfer?.files ?? [])].filter(({ type }) => type.startsWith("image/")));
  };
  const paste = (event: ClipboardEvent): void => {
    const file = [...(event.clipboardData?.files ?? [])].find(({ type }) => type.startsWith("image/"));
    if (file) take(file);
  };
  for (const name of ["dragover", "dragleave", "drop"] as const) document.addEventListener(name, drag);
  document.addEventListener("paste", paste);
  const hidden = (): void => {
    // A camera in the background is a light that worries people, and a battery that empties.
    if (document.hidden && camera) capture();
  };
  document.addEventListener("visibilitychange", hidden);

  capture();
  announce(strings.camera.title);
  return () => {
    left = true;
    stop();
    for (const name of ["dragover", "dragleave", "drop"] as const) document.removeEventListener(name, drag);
    document.removeEventListener("paste", paste);
    document.removeEventListener("visibilitychange", hidden);
    document.body.classList.remove("dropping");
  };
};

/** What is said over the camera's picture: how many coins are in view, and what would help. */
function guidance(help: Advice | null, count: number): string {
  const words = count ? strings.camera.seen(count) : strings.camera.looking;
  return help && help !== "good" ? `${words} · ${strings.guide[help]}` : words;
}
