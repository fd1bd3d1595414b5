/** A picture: `data` holds `width * height` pixels of 3 bytes, red, green, blue, row by row. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/** One byte a pixel, row by row: a mask (coin ≥ 128) or a grey picture. */
export interface Plane {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/** A rectangle in whole pixels; it may begin left of or above the picture. */
export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** Side of every net input, in pixels. */
export const SIZE = 256;

/** The tight box of the pixels ≥ 128 of a mask; `null` where there are none. */
export function maskBox(mask: Plane): Box | null {
  const { width, height, data } = mask;
  let left = width;
  let right = -1;
  let top = -1;
  let bottom = -1;
  for (let y = 0; y < height; y++) {
    const row = y * width;
    let first = 0;
    while (first < width && data[row + first]! < 128) first++;
    if (first === width) continue;
    let last = width - 1;
    while (data[row + last]! < 128) last--;
    if (top < 0) top = y;
    bottom = y;
    if (first < left) left = first;
    if (last > right) right = last;
  }
  return top < 0 ? null : { x: left, y: top, width: right - left + 1, height: bottom - top + 1 };
}

/** The square with the box's centre and its longer side, widened by `margin` times that side on every edge. */
export function squareAround(box: Box, margin = 0): Box {
  const longer = Math.max(box.width, box.height);
  const side = longer + 2 * Math.floor(margin * longer + 0.5);
  return {
    x: box.x + Math.floor((box.width - side) / 2),
    y: box.y + Math.floor((box.height - side) / 2),
    width: side,
    height: side,
  };
}
