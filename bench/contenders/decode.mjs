/**
 * The decoder alone: this tool's decoding and preprocessing of the images of a folder, as many at a time as in
 * `classify`, and nothing done with the pixels. Reports the wall clock, the CPU time and the main thread's share of it.
 *
 *     UV_THREADPOOL_SIZE=64 node bench/contenders/decode.mjs --images DIR --workers 4
 */

import { readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { loadImage } from '../../dist/images/load.js';
import { PRESETS } from '../../dist/network/preset.js';
import { mapOrdered } from '../../dist/stream.js';

const { values } = parseArgs({ options: { images: { type: 'string' }, workers: { type: 'string' } } });
const concurrency = Number(values.workers);
const { resize, crop } = PRESETS.torchvision;
const options = { resize, crop, autoOrient: true, decode: 'exact', maxPixels: 1e9 };

const files = (await readdir(values.images)).map((name) => join(values.images, name));
const load = (file) => loadImage(file, options);

for await (const _ of mapOrdered(files.slice(0, concurrency), load, { concurrency })); // libvips starts
const start = performance.now();
const cpuBefore = process.cpuUsage();
const mainBefore = mainSeconds();
for await (const _ of mapOrdered(files, load, { concurrency }));
const seconds = (performance.now() - start) / 1000;
const { user, system } = process.cpuUsage(cpuBefore);
console.log(
  JSON.stringify({
    images: files.length,
    seconds,
    imagesPerSecond: files.length / seconds,
    cpuSecondsPerImage: (user + system) / 1e6 / files.length,
    mainSecondsPerImage: (mainSeconds() - mainBefore) / files.length,
  }),
);

/** CPU time of the main thread so far: Linux counts it; elsewhere, the time that its loop was busy, waits for a core included. */
function mainSeconds() {
  if (process.platform !== 'linux') return performance.eventLoopUtilization().active / 1000;
  const [nanoseconds] = readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'utf8').split(' ');
  return Number(nanoseconds) / 1e9;
}
