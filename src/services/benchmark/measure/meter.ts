/** Times batches as they end: skips those of the warm-up, and counts time, CPU time and images of the others. */

import { readFileSync } from 'node:fs';
import { ExitCode, RunError } from '../../../errors.js';
import type { Measured } from '../report/report.js';
import { percentiles } from '../report/statistics.js';
import type { Repeats } from './jobs.js';

export class Meter {
  readonly #repeats: Repeats;
  readonly #onBatch: () => void;
  #batches = 0;
  #waiting = { images: 0, failed: 0 };
  #begin = performance.now();
  #last = this.#begin;
  #cpu = process.cpuUsage();
  #cpuSeconds = 0;
  #images = 0;
  #failed = 0;
  readonly #times: number[] = [];

  /** `onBatch` is called after every batch. The clock of a first batch without warm-up begins now. */
  constructor(repeats: Repeats, onBatch: () => void) {
    this.#repeats = repeats;
    this.#onBatch = onBatch;
  }

  /** Batches, of the warm-up too, that make it done. */
  get done(): boolean {
    return this.#batches >= this.#repeats.warmUp + this.#repeats.runs;
  }

  /**
   * Takes note of images that are done, and of those that failed. They make a batch as soon as they are as many as one
   * has; where they are more, the time of a batch is that of as many.
   */
  add(images: number, failed = 0): void {
    this.#waiting.images += images;
    this.#waiting.failed += failed;
    const { batchSize, warmUp } = this.#repeats;
    const seen = this.#waiting.images + this.#waiting.failed;
    if (seen < batchSize || this.done) return;
    const now = performance.now();
    if (this.#batches >= warmUp) {
      this.#times.push(((now - this.#last) * batchSize) / seen);
      this.#images += this.#waiting.images;
      this.#failed += this.#waiting.failed;
      const { user, system } = process.cpuUsage(this.#cpu);
      this.#cpuSeconds = (user + system) / 1e6;
    } else {
      this.#begin = now;
      this.#cpu = process.cpuUsage();
    }
    this.#last = now;
    this.#waiting = { images: 0, failed: 0 };
    this.#batches += 1;
    this.#onBatch();
  }

  /** Throws NO_INPUTS when no image was measured. */
  result(startUp: Measured['startUp']): Measured {
    if (this.#images === 0) {
      throw new RunError('NO_INPUTS', 'Expected at least one image that can be read but all failed.', {
        exitCode: ExitCode.NoInputs,
      });
    }
    const seconds = (this.#last - this.#begin) / 1000;
    return {
      images: this.#images,
      failed: this.#failed,
      seconds,
      imagesPerSecond: this.#images / seconds,
      batchMs: percentiles(this.#times),
      peakMemory: peakMemory(),
      cpuSecondsPerImage: this.#cpuSeconds / this.#images,
      startUp,
    };
  }
}

/** The largest resident set of this process so far, in bytes. */
function peakMemory(): number {
  try {
    // getrusage's figure begins with that of the process which started this one; this one does not.
    const [, kilobytes] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
    if (kilobytes !== undefined) return Number(kilobytes) * 1024;
  } catch {
    // Not Linux.
  }
  return process.resourceUsage().maxRSS * 1024;
}
