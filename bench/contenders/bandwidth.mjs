/**
 * Memory bandwidth: STREAM's copy, between arrays of their own in each of `--threads` threads. (Its triad would measure
 * JavaScript's scalar loop, a third of what memory gives; a copy is the C library's.)
 *
 *     node bench/contenders/bandwidth.mjs --threads 2 --seconds 3
 */

import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

/** Of one array: more than the last cache of a core's share of any server. */
const ARRAY_BYTES = 128 << 20;

if (isMainThread) {
  const { values } = parseArgs({ options: { threads: { type: 'string' }, seconds: { type: 'string' } } });
  const options = { workerData: { seconds: Number(values.seconds) } };
  const workers = Array.from({ length: Number(values.threads) }, () => new Worker(new URL(import.meta.url), options));
  const next = (worker) => new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
  await Promise.all(workers.map(next)); // all have filled their arrays
  const measured = workers.map(next);
  for (const worker of workers) worker.postMessage('go');
  const rates = await Promise.all(measured);
  console.log(JSON.stringify({ bytesPerSecond: rates.reduce((sum, rate) => sum + rate, 0) }));
} else {
  const source = new Uint8Array(ARRAY_BYTES).fill(1);
  const target = new Uint8Array(ARRAY_BYTES).fill(2);
  parentPort.once('message', () => {
    const start = performance.now();
    let passes = 0;
    let elapsed = 0;
    while (elapsed < workerData.seconds) {
      target.set(source);
      passes += 1;
      elapsed = (performance.now() - start) / 1000;
    }
    parentPort.postMessage((passes * 2 * ARRAY_BYTES) / elapsed); // read and written
  });
  parentPort.postMessage('ready');
}
