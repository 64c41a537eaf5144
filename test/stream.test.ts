import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { batched, mapOrdered, untilAborted } from '../src/stream.js';

async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of source) items.push(item);
  return items;
}

test('mapOrdered gives results in the order of the source, whatever finishes first', async () => {
  const results = mapOrdered([30, 5, 20, 1], async (ms) => sleep(ms, ms), { concurrency: 4 });
  expect(await collect(results)).toEqual([30, 5, 20, 1]);
});

test('mapOrdered runs no more calls at a time than its concurrency', async () => {
  let running = 0;
  let most = 0;
  const work = async () => {
    most = Math.max(most, ++running);
    await sleep(2);
    running--;
  };
  await collect(mapOrdered(Array(20).fill(0), work, { concurrency: 3, ahead: 10 }));
  expect(most).toBe(3);
});

test('mapOrdered reads no further ahead than it may', async () => {
  let read = 0;
  const source = (function* () {
    for (let i = 0; i < 100; i++) {
      read++;
      yield i;
    }
  })();
  const results = mapOrdered(source, async (i) => i, { concurrency: 2, ahead: 5 });
  await results.next();
  await sleep(10);
  expect(read).toBeLessThanOrEqual(5 + 2);
  await results.return(undefined);
});

test('mapOrdered delivers what came before a failure, then the failure', async () => {
  const results = mapOrdered([1, 2, 3], async (i) => (i === 2 ? Promise.reject(new Error('two')) : i), {
    concurrency: 3,
  });
  expect((await results.next()).value).toBe(1);
  await expect(results.next()).rejects.toThrow('two');
});

test('mapOrdered passes on a failure of its source', async () => {
  const source = (function* () {
    yield 1;
    throw new Error('source');
  })();
  await expect(collect(mapOrdered(source, async (i) => i, { concurrency: 2 }))).rejects.toThrow('source');
});

test('mapOrdered closes its source when the consumer stops', async () => {
  let closed = false;
  const source = (async function* () {
    try {
      for (let i = 0; ; i++) yield i;
    } finally {
      closed = true;
    }
  })();
  for await (const i of mapOrdered(source, async (n) => n, { concurrency: 2 })) if (i === 3) break;
  await sleep(5);
  expect(closed).toBe(true);
});

test('batched closes a batch when it holds enough items that count', async () => {
  const counts = (i: number) => i % 2 === 0;
  expect(await collect(batched([0, 1, 2, 3, 4, 5, 6], { size: () => 2, counts, lingerMs: 1000 }))).toEqual([
    [0, 1, 2],
    [3, 4, 5, 6],
  ]);
});

test('batched may begin with a smaller batch', async () => {
  expect(await collect(batched([1, 2, 3, 4, 5, 6], { size: () => 3, first: 1, lingerMs: 1000 }))).toEqual([
    [1],
    [2, 3, 4],
    [5, 6],
  ]);
});

test('batched does not wait for a slow source to fill a batch', async () => {
  const source = (async function* () {
    yield 1;
    yield 2;
    await sleep(200);
    yield 3;
  })();
  expect(await collect(batched(source, { size: () => 10, lingerMs: 20 }))).toEqual([[1, 2], [3]]);
});

test('untilAborted ends at once, even while the source waits for input', async () => {
  const controller = new AbortController();
  const source = (async function* () {
    yield 1;
    await sleep(60_000, undefined, { ref: false });
    yield 2;
  })();
  setTimeout(() => controller.abort(), 20);
  expect(await collect(untilAborted(source, controller.signal))).toEqual([1]);
});

test('batched closes a batch of items that do not count when it holds the most that it may', async () => {
  const counts = (i: number) => i % 4 === 0;
  expect(await collect(batched([1, 2, 3, 5, 4, 8, 6, 7], { size: () => 2, most: 3, counts, lingerMs: 1000 }))).toEqual([
    [1, 2, 3],
    [5, 4, 8],
    [6, 7],
  ]);
});

test('batched closes a batch as soon as the size, which has fallen, is reached', async () => {
  let size = 4;
  const batches: number[][] = [];
  for await (const batch of batched([1, 2, 3, 4, 5, 6, 7, 8], { size: () => size, lingerMs: 1000 })) {
    batches.push(batch);
    size = 2;
  }
  expect(batches).toEqual([
    [1, 2, 3, 4],
    [5, 6],
    [7, 8],
  ]);
});
