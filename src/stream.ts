/** Stages of a pipeline as async generators: ordered, bounded, and closing their source when the consumer stops. */

type Source<T> = AsyncIterable<T> | Iterable<T>;

async function* toAsync<T>(source: Source<T>): AsyncGenerator<T> {
  yield* source;
}

/** Bounds of a concurrent stage. */
export interface Bounds {
  /** Calls in progress at the same time. */
  readonly concurrency: number;
  /** Results that may be in progress or waiting for the consumer; at least `concurrency`, which is the default. */
  readonly ahead?: number;
}

/**
 * Applies `fn` to each item, several at a time; results come in the order of the source. Reads ahead of the consumer
 * by at most `ahead` items. A rejected call ends the stream with its error after the results before it.
 */
export async function* mapOrdered<T, R>(
  source: Source<T>,
  fn: (item: T) => Promise<R>,
  { concurrency, ahead = concurrency }: Bounds,
): AsyncGenerator<R> {
  const iterator = toAsync(source);
  const slots = new Semaphore(concurrency);
  const results: Promise<R>[] = [];
  const room = new Signal();
  const arrived = new Signal();
  let ended = false;
  let stopped = false;
  let failure: { readonly error: unknown } | undefined;

  const reader = (async () => {
    try {
      while (!stopped) {
        await slots.take();
        if (stopped) break;
        const next = await iterator.next();
        if (next.done) break;
        const result = fn(next.value).finally(() => slots.give());
        result.catch(() => {}); // reported when the consumer reaches it
        results.push(result);
        arrived.notify();
        while (results.length >= ahead && !stopped) await room.wait();
      }
    } catch (error) {
      failure = { error };
    } finally {
      ended = true;
      arrived.notify();
    }
  })();

  try {
    for (;;) {
      const first = results[0];
      if (first !== undefined) {
        const value = await first;
        results.shift();
        room.notify();
        yield value;
      } else if (ended) {
        break;
      } else {
        await arrived.wait();
      }
    }
    if (failure !== undefined) throw failure.error;
  } finally {
    stopped = true;
    room.notify();
    slots.give();
    await Promise.allSettled(results);
    // A source that is waiting for input nobody will send (a terminal, a pipe) must not hold up the end.
    void reader.then(() => iterator.return(undefined)).catch(() => {});
  }
}

/**
 * Groups items into batches in order. A batch is closed when it holds `size()` items that count, or when `lingerMs`
 * milliseconds have passed since its first item and the source still has not delivered: a slow source is not waited
 * for. Items that do not count (failed images) travel along without taking a place, up to `most` in all.
 */
export async function* batched<T>(
  source: Source<T>,
  {
    size,
    first = Number.POSITIVE_INFINITY,
    most = Number.POSITIVE_INFINITY,
    counts = () => true,
    lingerMs,
  }: BatchBounds<T>,
): AsyncGenerator<T[]> {
  const iterator = toAsync(source);
  let batch: T[] = [];
  let counted = 0;
  let bound = first;
  let closesAt = 0;
  let next = iterator.next();
  next.catch(() => {});
  try {
    for (;;) {
      const waited = batch.length === 0 ? await next : await before(next, closesAt - performance.now());
      if (waited === 'late') {
        yield batch;
        batch = [];
        counted = 0;
        continue;
      }
      if (waited.done) break;
      if (batch.length === 0) closesAt = performance.now() + lingerMs;
      batch.push(waited.value);
      if (counts(waited.value)) counted += 1;
      next = iterator.next();
      next.catch(() => {});
      if (counted >= Math.min(bound, size()) || batch.length >= most) {
        yield batch;
        batch = [];
        counted = 0;
        bound = Number.POSITIVE_INFINITY;
      }
    }
    if (batch.length > 0) yield batch;
  } finally {
    void iterator.return(undefined).catch(() => {});
  }
}

export interface BatchBounds<T> {
  /** Asked at each item, since it may change. */
  readonly size: () => number;
  /** Size of the first batch, where that is smaller. */
  readonly first?: number;
  readonly counts?: (item: T) => boolean;
  /** Items, counted or not, after which a batch is closed all the same. */
  readonly most?: number;
  readonly lingerMs: number;
}

/** Passes items on until `signal` is aborted, then ends at once, whatever the source is doing. */
export async function* untilAborted<T>(source: Source<T>, signal: AbortSignal): AsyncGenerator<T> {
  const iterator = toAsync(source);
  let stop: (() => void) | undefined;
  const onAbort = () => stop?.();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    for (;;) {
      // Not Promise.race: against a promise that lives as long as the run it would keep every item in memory.
      const next = await new Promise<IteratorResult<T> | undefined>((resolve, reject) => {
        if (signal.aborted) return resolve(undefined);
        stop = () => resolve(undefined);
        iterator.next().then(resolve, reject);
      });
      if (next === undefined || next.done) return;
      yield next.value;
    }
  } finally {
    signal.removeEventListener('abort', onAbort);
    void iterator.return(undefined).catch(() => {});
  }
}

/** The promise's value, or 'late' when it takes longer than `ms` milliseconds. */
async function before<T>(promise: Promise<T>, ms: number): Promise<T | 'late'> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<'late'>((resolve) => {
    timer = setTimeout(() => resolve('late'), Math.max(0, ms));
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Wakes whoever waits; a notification with nobody waiting is kept for the next. */
class Signal {
  #wake: (() => void) | undefined;
  #pending = false;

  notify(): void {
    if (this.#wake === undefined) this.#pending = true;
    else this.#wake();
    this.#wake = undefined;
  }

  async wait(): Promise<void> {
    if (this.#pending) {
      this.#pending = false;
      return;
    }
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
  }
}

class Semaphore {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  async take(): Promise<void> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  give(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free += 1;
    else next();
  }
}
