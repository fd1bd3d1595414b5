/** An answer as a picture, to be sent to somebody: the photo with its labels, and below it what was recognised. */

export interface ShareLine {
  readonly text: string;
  readonly quiet?: boolean;
}

/** Pixels: twice a phone's width, so that the words are sharp. */
const WIDTH = 1080;
const MARGIN = 48;
const LINE = 52;
const MOST_HEIGHT = 1400;

/**
 * A PNG of the photo, with the drawings that lie on it, and lines below. `drawings` have a viewBox of their own and fill
 * the photo.
 */
export async function answerPicture(
  photo: HTMLCanvasElement,
  drawings: readonly SVGElement[],
  title: string,
  lines: readonly ShareLine[],
  foot: string,
): Promise<Blob> {
  const share = Math.min(WIDTH / photo.width, MOST_HEIGHT / photo.height);
  const [width, high] = [Math.round(photo.width * share), Math.round(photo.height * share)];
  const height = high + MARGIN * 2 + LINE * (lines.length + 2.6);
  const canvas = new OffscreenCanvas(WIDTH, Math.ceil(height));
  const context = canvas.getContext("2d", { alpha: false })!;
  context.fillStyle = "#f6f4ee";
  context.fillRect(0, 0, canvas.width, canvas.height);
  const left = Math.round((WIDTH - width) / 2);
  context.fillStyle = "#161817";
  context.fillRect(0, 0, WIDTH, high);
  context.drawImage(photo, left, 0, width, high);
  for (const drawing of drawings) {
    const image = await drawn(drawing, width, high);
    context.drawImage(image, left, 0, width, high);
  }
  context.textBaseline = "alphabetic";
  let y = high + MARGIN + LINE * 0.8;
  const write = (text: string, font: string, colour: string): void => {
    context.font = `${font} system-ui, sans-serif`;
    context.fillStyle = colour;
    context.fillText(fitting(context, text), MARGIN, y);
    y += LINE;
  };
  write(title, "700 44px", "#1b1c1a");
  for (const { text, quiet } of lines) write(text, "400 34px", quiet ? "#56594f" : "#1b1c1a");
  y += LINE * 0.2;
  write(foot, "600 28px", "#0f5c55");
  return canvas.convertToBlob({ type: "image/png" });
}

/** A text as long as has room. */
function fitting(context: OffscreenCanvasRenderingContext2D, text: string): string {
  const room = WIDTH - 2 * MARGIN;
  if (context.measureText(text).width <= room) return text;
  let length = text.length;
  while (length > 1 && context.measureText(`${text.slice(0, length)}…`).width > room) length--;
  return `${text.slice(0, length)}…`;
}

/** A drawing of the page as a picture: with what the style sheet gives it, which a picture does not see, written in. */
async function drawn(drawing: SVGElement, width: number, height: number): Promise<HTMLImageElement> {
  const copy = drawing.cloneNode(true) as SVGElement;
  const from = [...drawing.querySelectorAll<SVGElement>("*")];
  for (const [place, to] of [...copy.querySelectorAll<SVGElement>("*")].entries()) {
    const style = getComputedStyle(from[place]!);
    for (const name of [
      "fill",
      "stroke",
      "stroke-width",
      "stroke-dasharray",
      "vector-effect",
      "font-weight",
    ] as const) {
      to.style.setProperty(name, style.getPropertyValue(name));
    }
    if (to.tagName === "text") to.style.fontFamily = "system-ui, sans-serif";
  }
  copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  copy.setAttribute("width", String(width));
  copy.setAttribute("height", String(height));
  const image = new Image(width, height);
  const url = URL.createObjectURL(new Blob([copy.outerHTML], { type: "image/svg+xml" }));
  try {
    image.src = url;
    await image.decode();
  } finally {
    URL.revokeObjectURL(url);
  }
  return image;
}
