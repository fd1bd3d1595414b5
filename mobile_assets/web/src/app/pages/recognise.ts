/** Photo in, coins out: by the camera, from the gallery, by drop or paste. */

import { type Camera, CameraError, type CameraTrouble, cameraAllowed, startCamera } from "../camera";
import { announce, button, el, icon, svg } from "../dom";
import type { Outline } from "../engine";
import { strings } from "../strings";
import { showAnswer, showTogether } from "./answer";
import { heading, notice, type Page } from "./page";

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
  let left = false;
  /** Counts what is shown, so that what was begun for an earlier view does not draw into a later one. */
  let view = 0;

  function stop(): void {
    camera?.stop();
    camera = null;
  }

  function capture(): void {
    stop();
    view += 1;
    const title = first ? strings.camera.secondSide : strings.camera.title;
    const intro = first ? strings.camera.secondText : strings.camera.intro;
    const stage = el("div", { class: "stage" });
    const head = heading(title);
    place.replaceChildren(
      el("div", { class: "lead" }, head, el("p", {}, intro)),
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
    const input = el("input", { type: "file", accept: "image/*", id: "photo", class: "unseen" });
    input.addEventListener("change", () => {
      const file = input.files?.[0];
      if (file) take(file);
    });
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
    let count = -1;
    while (camera === of && here === view) {
      const began = performance.now();
      try {
        const frame = await of.frame();
        const { width, height } = frame;
        const outlines = await app.engine.outline(frame);
        if (camera !== of) return;
        edges.setAttribute("viewBox", `0 0 ${width} ${height}`);
        edges.replaceChildren(...outlines.map(edge));
        if (outlines.length !== count) {
          count = outlines.length;
          seen.textContent = count ? strings.camera.seen(count) : strings.camera.looking;
        }
      } catch {
        // A frame that could not be looked at is no reason to trouble anybody: the next one comes.
      }
      await new Promise((resolve) => setTimeout(resolve, Math.max(LOOK_EVERY_MS - (performance.now() - began), 30)));
    }
  }

  function take(photo: Blob): void {
    stop();
    view += 1;
    const here = view;
    const current = (): boolean => !left && here === view;
    const before = first;
    place.replaceChildren(
      el(
        "div",
        { class: "working", role: "status" },
        el("span", { class: "spinner", "aria-hidden": "true" }),
        el("p", {}, before ? strings.answer.workingBoth : strings.answer.working),
      ),
    );
    const again = { again: restart, current };
    if (before) {
      first = null;
      void showTogether(app, place, [before, photo], again);
    } else {
      const otherSide = (): void => {
        first = photo;
        capture();
        focusHeading();
      };
      void showAnswer(app, place, photo, { ...again, otherSide });
    }
  }

  function restart(): void {
    first = null;
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
    const file = [...(event.dataTransfer?.files ?? [])].find(({ type }) => type.startsWith("image/"));
    if (file) take(file);
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

/** A coin's edge, light on dark, so that it is seen on any photo. */
export function edge(outline: Outline): SVGElement {
  const points = outline.join(" ");
  return svg("g", {}, svg("polygon", { points, class: "halo" }), svg("polygon", { points, class: "line" }));
}
