/** The images of a quantisation: decoded once, run several times. */

import type { Engine, Outputs } from '../../../engine/engine.js';
import { ExitCode, RunError } from '../../../errors.js';
import type { ImageFile, ImageList } from '../../../images/list/find.js';
import { type LoadOptions, loadWithDetails } from '../../../images/load.js';
import { INPUT_CHANNELS } from '../../../network/architecture.js';
import type { Preset } from '../../../network/preset.js';
import { mapOrdered } from '../../../stream.js';

/**
 * Images that are used, at most: ranges hardly move after some hundreds. Of more, evenly many of the whole list are taken, as
 * a list in the order of classes must not be cut off.
 */
export const MAX_IMAGES = 1024;

/** Images a batch: the activations of all layers of one are 54 MB at full size. */
const BATCH = 4;

/** Decoded images, in order. */
export class DecodedImages {
  constructor(
    private readonly pixels: readonly Uint8Array[],
    readonly imageBytes: number,
  ) {}

  get count(): number {
    return this.pixels.length;
  }

  /** `count` of them, evenly spread. */
  some(count: number): DecodedImages {
    return new DecodedImages(spread(this.pixels, count), this.imageBytes);
  }

  /** What an engine gives for them, batch by batch; ends early once `signal` is aborted. */
  async *run(
    engine: Engine,
    signal?: AbortSignal,
  ): AsyncGenerator<{ readonly first: number; readonly count: number; readonly outputs: Outputs }, void> {
    let buffer = new ArrayBuffer(BATCH * this.imageBytes);
    for (let first = 0; first < this.count; first += BATCH) {
      signal?.throwIfAborted();
      const batch = this.pixels.slice(first, first + BATCH);
      const bytes = new Uint8Array(buffer);
      for (const [i, image] of batch.entries()) bytes.set(image, i * this.imageBytes);
      const { outputs, pixels } = await engine.run(buffer, batch.length);
      buffer = pixels;
      if (outputs !== null) yield { first, count: batch.length, outputs };
    }
  }
}

export interface ReadImages {
  /** The ranges are chosen with these. */
  readonly calibration: DecodedImages;
  /** The cost is measured on these. */
  readonly check: DecodedImages;
  /** Images that could not be read. */
  readonly failed: number;
}

export interface ReadOptions {
  readonly calibrate: ImageList;
  /** Without it every fourth image of `calibrate` is kept back. */
  readonly check?: ImageList | undefined;
  readonly maxPixels: number;
  readonly workers: number;
  readonly signal?: AbortSignal | undefined;
}

/** Every so many-th image is kept back for the check. */
const CHECK_EVERY = 4;

/** Reads and decodes; yields how many are through. Throws NO_INPUTS where either set has no image that can be read. */
export async function* readImages(
  { calibrate, check, maxPixels, workers, signal }: ReadOptions,
  preset: Preset,
): AsyncGenerator<number, ReadImages> {
  const { resize, crop } = preset;
  const load: LoadOptions = { resize, crop, autoOrient: true, decode: 'exact', maxPixels };
  const imageBytes = crop * crop * INPUT_CHANNELS;
  const decode = async (file: ImageFile) => (await loadWithDetails(file, load)).image?.pixels;
  let seen = 0;
  let failed = 0;
  const read = async function* (list: ImageList): AsyncGenerator<number, readonly Uint8Array[]> {
    const files: ImageFile[] = [];
    for await (const file of list.files) files.push(file);
    const images: Uint8Array[] = [];
    for await (const pixels of mapOrdered(spread(files, MAX_IMAGES), decode, { concurrency: workers })) {
      signal?.throwIfAborted();
      seen += 1;
      if (pixels === undefined) failed += 1;
      else images.push(pixels);
      yield seen;
    }
    return images;
  };
  const images = yield* read(calibrate);
  const kept = (_: unknown, i: number) => i % CHECK_EVERY === CHECK_EVERY - 1;
  const others = check === undefined ? images.filter(kept) : yield* read(check);
  const chosen = check === undefined ? images.filter((image, i) => !kept(image, i)) : images;
  if (chosen.length === 0 || others.length === 0) {
    const found = `${images.length} ${images.length === 1 ? 'image' : 'images'}`;
    throw new RunError(
      'NO_INPUTS',
      check === undefined
        ? `Expected at least ${CHECK_EVERY} images to calibrate with, of which one is kept back to measure with, but could read ${found}.`
        : 'Expected images that can be read for --calibrate and --check but there is none.',
      { exitCode: ExitCode.NoInputs, hint: 'A few hundred photos like those that will be classified are enough.' },
    );
  }
  return {
    calibration: new DecodedImages(chosen, imageBytes),
    check: new DecodedImages(others, imageBytes),
    failed,
  };
}

/** `count` items, evenly spread over all; all where there are no more. */
export function spread<T>(items: readonly T[], count: number): readonly T[] {
  if (items.length <= count) return items;
  return Array.from({ length: count }, (_, i) => items[Math.floor((i * items.length) / count)] as T);
}
