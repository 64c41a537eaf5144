/** Where an image's pixels end up: resize by the shorter side, then cut the centre, as torchvision does. */

/** Of an RGB pixel. */
export const CHANNELS = 3;

export interface Size {
  readonly width: number;
  readonly height: number;
}

/**
 * Size after `torchvision.transforms.Resize(shortSide)`: the longer side is truncated, not rounded
 * (torchvision/transforms/functional.py, `_compute_resized_output_size`).
 */
export function resizedSize({ width, height }: Size, shortSide: number): Size {
  return width <= height
    ? { width: shortSide, height: Math.trunc((shortSide * height) / width) }
    : { width: Math.trunc((shortSide * width) / height), height: shortSide };
}

/**
 * First pixel of a centred stretch of `crop` pixels: `int(round((size - crop) / 2.0))` of torchvision's `center_crop`,
 * where Python's `round` takes halves to the even neighbour.
 */
export function cropOffset(size: number, crop: number): number {
  return roundHalfToEven((size - crop) / 2);
}

function roundHalfToEven(value: number): number {
  const floor = Math.floor(value);
  if (value - floor !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}
