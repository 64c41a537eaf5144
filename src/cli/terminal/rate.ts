/** Speed and time left of a run, smoothed: pure arithmetic on the times that it is given. */

/** Time over which speed is averaged, in seconds: long enough to be calm, short enough to follow a change. */
const WINDOW_SECONDS = 15;

export class Rate {
  readonly #samples: { readonly seconds: number; readonly done: number }[] = [];

  /** `seconds` on any clock that only goes forward; `done` images in all so far. */
  add(seconds: number, done: number): void {
    this.#samples.push({ seconds, done });
    while (this.#samples.length > 2 && seconds - (this.#samples[1]?.seconds ?? seconds) >= WINDOW_SECONDS) {
      this.#samples.shift();
    }
  }

  /** Images a second over the last while; 0 before there are two moments to compare. */
  perSecond(): number {
    const [first, last] = [this.#samples[0], this.#samples.at(-1)];
    if (first === undefined || last === undefined || last.seconds <= first.seconds) return 0;
    return (last.done - first.done) / (last.seconds - first.seconds);
  }

  /** Seconds until `total` is reached at this speed; undefined when that cannot be told. */
  secondsLeft(total: number | undefined): number | undefined {
    const speed = this.perSecond();
    const done = this.#samples.at(-1)?.done ?? 0;
    return total === undefined || speed === 0 ? undefined : Math.max(0, total - done) / speed;
  }
}

/** 9.4 s, 42 s, 3 min 20 s, 2 h 5 min. */
export function formatDuration(seconds: number): string {
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

/** 1,000 */
export function formatCount(count: number): string {
  return count.toLocaleString('en-US');
}

/** 61.7, 1,234 */
export function formatSpeed(perSecond: number): string {
  return perSecond < 100 ? perSecond.toFixed(1) : formatCount(Math.round(perSecond));
}
