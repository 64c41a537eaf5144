/** What every contender of the model-only part is given, and how its rate is taken. */

/** 224 x 224 RGB. */
export const BYTES_PER_IMAGE = 224 * 224 * 3;

/** Batches before the clock starts: the first compiles kernels and reorders weights, the second fills the caches. */
const WARM_UP_BATCHES = 2;

/** Batches that a rate is taken from, at least. */
const MIN_BATCHES = 3;

/** Fills a buffer with the pixels that contenders/common.py makes too: byte i is the top byte of i * 2654435761 mod 2^32. */
export function fillPixels(buffer) {
  const bytes = new Uint8Array(buffer);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Math.imul(i, 2654435761) >>> 24;
  return buffer;
}

/**
 * Runs batches for `seconds` after the warm-up: `{ images, seconds, imagesPerSecond, cpuSecondsPerImage, peakBytes }`, the
 * last the largest resident memory of the process so far.
 */
export async function steadyRate({ batch, seconds, runBatch }) {
  for (let i = 0; i < WARM_UP_BATCHES; i++) await runBatch();
  const cpuBefore = process.cpuUsage();
  const start = performance.now();
  let batches = 0;
  let elapsed = 0;
  while (batches < MIN_BATCHES || elapsed < seconds) {
    await runBatch();
    batches += 1;
    elapsed = (performance.now() - start) / 1000;
  }
  const images = batches * batch;
  const { user, system } = process.cpuUsage(cpuBefore);
  return {
    images,
    seconds: elapsed,
    imagesPerSecond: images / elapsed,
    cpuSecondsPerImage: (user + system) / 1e6 / images,
    peakBytes: process.resourceUsage().maxRSS * 1024,
  };
}
