/**
 * Measures `extract` against `classify` and what writing costs, and prints Markdown tables.
 *
 *     node bench/extract.mjs [--rounds N] [--photos N] [--images DIR]
 *
 * First table: both commands over the same photographs with the full-size network, in turns. Second table: what a row of
 * fc7 takes to encode, write, finish and sync in each format, without a network, as a share of the time that an image took
 * in the first table.
 */

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { extractFormat } from '../dist/cli/output/extract-formats.js';
import { STORE_FORMATS } from '../dist/output/rows/encoder.js';
import { storeWriter } from '../dist/output/store/row-writer.js';
import { Store } from '../dist/output/store/store.js';
import { machine } from './lib/machine.mjs';
import { fillFolder, photoFolder } from './lib/photos.mjs';
import { output } from './lib/process.mjs';
import { median, summary } from './lib/stats.mjs';
import { figure, markdownTable, withSpread } from './lib/table.mjs';

const PROGRAM = fileURLToPath(new URL('../bin/run.js', import.meta.url));

/** Numbers of fc7. */
const WIDTH = 4096;

/** Rows of a measurement without a network, and rows handed over at a time. */
const ROWS = 2000;
const BATCH = 16;

const { values: flags } = parseArgs({
  options: { rounds: { type: 'string' }, photos: { type: 'string' }, images: { type: 'string' } },
});
const rounds = Number(flags.rounds ?? 3);
const photos = Number(flags.photos ?? 200);

const scratch = await mkdtemp(join(tmpdir(), 'vgg16-bench-'));
try {
  const folder = join(scratch, 'photos');
  await fillFolder(photoFolder(flags.images), folder, photos);
  const rates = { classify: [], extract: [] };
  for (let round = 0; round < rounds; round += 1) {
    const order = round % 2 === 0 ? ['classify', 'extract'] : ['extract', 'classify'];
    for (const command of order) {
      const file = join(scratch, command === 'classify' ? 'labels.csv' : 'fc7.npy');
      await output(process.execPath, [PROGRAM, command, folder, '-m', 'random', '-f', '-q', '-o', file]);
      const record = JSON.parse(await readFile(`${file}.run.json`, 'utf8'));
      rates[command].push(record.imagesPerSecond);
      console.error(`round ${round + 1}: ${command} ${record.imagesPerSecond.toFixed(2)} img/s`);
    }
  }
  const ratios = rates.extract.map((rate, i) => rate / rates.classify[i]);
  const { cpu } = await machine();
  console.log(`${cpu}, ${rounds} rounds of ${photos} photographs, full-size network, f32\n`);
  console.log(
    markdownTable(
      ['command', 'img/s', 'extract ÷ classify'],
      [
        ['`vgg16 classify -o labels.csv`', withSpread(summary(rates.classify)), ''],
        ['`vgg16 extract -o fc7.npy`', withSpread(summary(rates.extract)), withSpread(summary(ratios))],
      ],
    ),
  );

  const perImage = 1000 / median(rates.classify);
  const rows = [];
  for (const format of STORE_FORMATS) {
    await write(format, join(scratch, `warm.${format}`), BATCH * 4);
    const measured = [];
    for (let round = 0; round < rounds; round += 1) {
      measured.push(await write(format, join(scratch, `rows-${round}.${format}`), ROWS));
    }
    const cpuMs = median(measured.map(({ cpu }) => cpu));
    const wallMs = median(measured.map(({ wall }) => wall));
    rows.push([format, figure(cpuMs), figure(wallMs), `${figure((100 * cpuMs) / perImage)} %`]);
  }
  console.log(`\n${ROWS} rows of ${WIDTH} numbers, half of them zero; an image takes ${figure(perImage)} ms\n`);
  console.log(markdownTable(['format', 'CPU, ms a row', 'wall, ms a row', 'CPU ÷ time of an image'], rows));
} finally {
  await rm(scratch, { recursive: true, force: true });
}

/** Milliseconds of CPU and of wall time a row, from the first to the synced and renamed file. */
async function write(format, target, count) {
  const layers = [{ name: 'fc7', shape: [WIDTH] }];
  const { layout, head, ...codec } = extractFormat(format, target, layers, 'f32');
  const shard = { index: 1, count: 1 };
  const writer = storeWriter(new Store({ layout, settings: {}, shard, head, replace: true }), codec);
  const batch = Array.from({ length: BATCH }, (_, i) => ({
    path: `photos/${i}.jpg`,
    index: i,
    identity: '1:1',
    status: 'ok',
    layers: [{ layer: 'fc7', shape: [WIDTH], values: activations(i) }],
  }));
  const cpuBefore = process.cpuUsage();
  const start = performance.now();
  for (let done = 0; done < count; done += BATCH) await writer.write(batch);
  await writer.finish('');
  const { user, system } = process.cpuUsage(cpuBefore);
  return { cpu: (user + system) / 1000 / count, wall: (performance.now() - start) / count };
}

/** As a ReLU leaves them. */
function activations(seed) {
  let state = seed + 1;
  return Float32Array.from({ length: WIDTH }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.max(0, state / 2 ** 31 - 1) * 3;
  });
}
