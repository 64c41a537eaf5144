/**
 * Measures this tool against its peers in one run, side by side, and prints Markdown tables.
 *
 *     node bench/run.mjs [--rounds N] [--quick] [--images DIR] [--json FILE]
 *
 * The contenders take turns round by round, so that a machine that slows down slows all of them. Every contender is a
 * process of its own; the figure is the median of its rounds. See bench/README.md for how to install the peers.
 */

import { rmSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { vgg16 } from '../dist/model/architecture.js';
import { resolveSettings } from '../dist/services/settings.js';
import { checkAnswers } from './lib/answers.mjs';
import {
  measureDecoder,
  measureFirstRow,
  measureHelp,
  modelContenders,
  pipelineContenders,
} from './lib/contenders.mjs';
import { bf16Unit, machine as describeMachine, peerVersions } from './lib/machine.mjs';
import { fillFolder, photoFolder } from './lib/photos.mjs';
import { writeRandomModel } from './lib/random.mjs';
import { report } from './lib/report.mjs';
import { summary } from './lib/stats.mjs';
import { ownRate } from './lib/table.mjs';

/** Each model contender in each round: images a batch, and seconds of measurement. */
const MODEL = { batch: 32, seconds: 12 };

/** Only to see that everything works. */
const QUICK = { batch: 4, seconds: 1, photos: 64 };

/** Seconds that a pipeline run of this tool takes at least, and the fewest photographs in one. */
const PIPELINE_SECONDS = 20;
const MIN_PHOTOS = 200;

/** Starts of the program that the median is taken of. */
const STARTS = 5;

const { values: flags } = parseArgs({
  options: {
    rounds: { type: 'string' },
    quick: { type: 'boolean', default: false },
    images: { type: 'string' },
    json: { type: 'string' },
  },
});
const rounds = Number(flags.rounds ?? (flags.quick ? 1 : 3));
if (!Number.isInteger(rounds) || rounds < 1) {
  throw new Error(`Expected --rounds to be a positive number but received ${flags.rounds}.`);
}

const scratch = await mkdtemp(join(tmpdir(), 'vgg16-bench-'));
for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
]) {
  process.once(signal, () => {
    rmSync(scratch, { recursive: true, force: true }); // half a gigabyte
    process.exit(code);
  });
}
try {
  const results = await measure(scratch);
  if (flags.json !== undefined) await writeFile(flags.json, `${JSON.stringify(results, null, 2)}\n`);
  console.log(report(results));
} finally {
  await rm(scratch, { recursive: true, force: true });
}

async function measure(folder) {
  const machine = await describeMachine();
  const peers = await peerVersions();
  const source = photoFolder(flags.images);
  const automatic = { batchSize: 'auto', workers: 'auto', threads: 'auto', precision: 'f32' };
  const { batchSize, workers } = resolveSettings(automatic, vgg16(), machine.features);

  progress('writing the model file');
  const modelFile = join(folder, 'vgg16-random.safetensors');
  await writeRandomModel(modelFile);

  const { batch, seconds } = flags.quick ? QUICK : MODEL;
  const ownBatch = flags.quick ? batch : batchSize;
  const models = present(modelContenders({ machine, modelFile, batch, ownBatch, seconds }), peers);
  const model = await takeTurns(models.there);
  checkAnswers(model);

  const photos = join(folder, 'photos');
  const precisions = bf16Unit(machine) === undefined ? ['f32'] : ['f32', 'bf16'];
  const fastest = Math.max(...precisions.map((precision) => ownRate(model, precision)));
  const count = flags.quick ? QUICK.photos : Math.max(MIN_PHOTOS, Math.ceil(PIPELINE_SECONDS * fastest));
  await fillFolder(source, photos, count);
  const pipelines = present(pipelineContenders({ machine, modelFile, folder: photos, precisions }), peers);
  const pipeline = await takeTurns(pipelines.there);

  progress('decoder alone');
  const decoders = await repeat(rounds, () => measureDecoder(photos, workers));
  progress('start-up');
  const help = summary(await repeat(STARTS, measureHelp));
  const firstRow = summary(await repeat(rounds, () => measureFirstRow(photos, modelFile)));

  return {
    machine,
    peers,
    settings: { quick: flags.quick, rounds, batchSize, workers, photos: { source, count } },
    missing: [...models.missing, ...pipelines.missing],
    model,
    pipeline,
    decoder: {
      rate: summary(decoders.map(({ imagesPerSecond }) => imagesPerSecond)),
      cpuSecondsPerImage: summary(decoders.map(({ cpuSecondsPerImage }) => cpuSecondsPerImage)),
    },
    startup: { help, firstRow },
  };
}

/** Splits the contenders into those whose packages are there and the names of the others. */
function present(contenders, peers) {
  const lacks = ({ needs }) => needs.filter((name) => peers[name] === undefined);
  return {
    there: contenders.filter((one) => lacks(one).length === 0),
    missing: contenders
      .filter((one) => lacks(one).length > 0)
      .map((one) => `${one.name} ${one.precision} (${lacks(one).join(', ')})`),
  };
}

/** Every contender once a round, every other round backwards; each with `rate`, and what it reported beside. */
async function takeTurns(contenders) {
  const measurements = new Map(contenders.map((one) => [one, []]));
  for (let round = 0; round < rounds; round++) {
    for (const one of round % 2 === 0 ? contenders : contenders.toReversed()) {
      const measured = await one.run();
      measurements.get(one).push(measured);
      progress(`round ${round + 1}: ${one.name} ${one.precision}: ${measured.imagesPerSecond.toFixed(2)} img/s`);
    }
  }
  return [...measurements].map(([{ name, group, precision, batch }, all]) => ({
    ...{ name, group, precision, batch },
    rate: summary(all.map(({ imagesPerSecond }) => imagesPerSecond)),
    ...(all[0].firstRow === undefined ? {} : { firstRow: summary(all.map(({ firstRow }) => firstRow)) }),
    ...(all[0].answer === undefined ? {} : { answer: all[0].answer }),
  }));
}

async function repeat(times, run) {
  const all = [];
  for (let i = 0; i < times; i++) all.push(await run());
  return all;
}

function progress(line) {
  process.stderr.write(`${line}\n`);
}
