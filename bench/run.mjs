/**
 * Measures this tool against its peers in one run, side by side, and prints Markdown tables.
 *
 *     node bench/run.mjs [--install] [--only PARTS] [--rounds N] [--quick] [--json FILE] [--markdown FILE] [--svg FILE] …
 *
 * The contenders take turns round by round, so that a machine that slows down slows all of them. Every contender is a
 * process of its own; the figure is the median of its rounds. See bench/README.md for the flags.
 */

import { rmSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { install } from './install.mjs';
import { checkAnswers } from './lib/answers.mjs';
import { chart } from './lib/chart.mjs';
import { modelContenders } from './lib/contenders.mjs';
import { checkDocument, writeDocument } from './lib/document.mjs';
import { measureDecoder, measureFirstRow, measureHelp, pipelineContenders } from './lib/pipelines.mjs';
import { PAGE_PARTS, report } from './lib/report.mjs';
import { measureScaling } from './lib/scaling.mjs';
import { setUp } from './lib/setup.mjs';
import { summary } from './lib/stats.mjs';
import { present, progress, repeat, takeTurns } from './lib/turns.mjs';

const PARTS = ['model', 'pipeline', 'startup', 'scaling'];
const GROUPS = ['own', 'tfjs', 'torch', 'onnx', 'openvino'];

/** Each model contender in each round: images a batch, and seconds of measurement; photographs of a pipeline. */
const FULL = { batch: 32, seconds: 12, photos: 1000 };

/** Only to see that everything works. */
const QUICK = { batch: 4, seconds: 1, photos: 80 };

/** Starts of the program that the median is taken of. */
const STARTS = 5;

const { values: flags } = parseArgs({
  options: {
    install: { type: 'boolean', default: false },
    only: { type: 'string', default: PARTS.join(',') },
    contenders: { type: 'string', default: GROUPS.join(',') },
    rounds: { type: 'string' },
    quick: { type: 'boolean', default: false },
    int8: { type: 'boolean', default: false },
    images: { type: 'string' },
    photos: { type: 'string' },
    json: { type: 'string' },
    markdown: { type: 'string', multiple: true, default: [] },
    svg: { type: 'string' },
    from: { type: 'string' },
  },
});
const workload = flags.quick ? QUICK : FULL;
const parts = listOf('only', PARTS);
// Without this tool there is nothing to compare with.
const groups = new Set(['own', ...listOf('contenders', GROUPS)]);
const rounds = countOf('rounds', flags.quick ? 1 : 3);
const photoCount = countOf('photos', workload.photos);
for (const file of flags.markdown) await checkDocument(file, PAGE_PARTS);

const results = flags.from === undefined ? await measureInScratch() : JSON.parse(await readFile(flags.from, 'utf8'));
if (flags.json !== undefined) await writeFile(flags.json, `${JSON.stringify(results, null, 2)}\n`);
const sections = report(results);
for (const file of flags.markdown) await writeDocument(file, PAGE_PARTS, sections);
if (flags.svg !== undefined) await writeFile(flags.svg, chart(results));
console.log(sections['']);

async function measureInScratch() {
  if (flags.install) await install();
  const folder = await mkdtemp(join(tmpdir(), 'vgg16-bench-'));
  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ]) {
    process.once(signal, () => {
      rmSync(folder, { recursive: true, force: true }); // two gigabytes
      process.exit(code);
    });
  }
  try {
    return await measure(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function measure(folder) {
  const setup = await setUp({ folder, images: flags.images, photoCount, int8: flags.int8 });
  const { machine, peers, files, precisions, photos, batchSize, workers } = setup;
  const { seconds, batch } = workload;
  const includes = ({ group }) => groups.has(group);
  const missing = new Set();
  const turns = async (contenders) => {
    const split = present(contenders.filter(includes), peers);
    for (const name of split.missing) missing.add(name);
    return await takeTurns(split.there, rounds);
  };
  const { source, count } = photos;
  const settings = { quick: flags.quick, rounds, seconds, batch, batchSize, workers, photos: { source, count } };
  const measured = { machine, peers, settings };

  if (parts.includes('model')) {
    progress('model alone');
    const ownBatch = flags.quick ? batch : batchSize;
    measured.model = await turns(modelContenders({ machine, files, precisions, batch, ownBatch, seconds }));
    checkAnswers(measured.model);
  }
  if (parts.includes('pipeline')) {
    progress('whole pipeline');
    const { model } = measured;
    measured.pipeline = await turns(pipelineContenders({ machine, files, precisions, photos, model, folder }));
  }
  if (parts.includes('pipeline') || parts.includes('scaling')) {
    progress('decoder alone');
    const decoders = await repeat(rounds, () => measureDecoder(photos, workers));
    measured.decoder = {
      rate: summary(decoders.map(({ imagesPerSecond }) => imagesPerSecond)),
      cpuSecondsPerImage: summary(decoders.map(({ cpuSecondsPerImage }) => cpuSecondsPerImage)),
      mainSecondsPerImage: summary(decoders.map(({ mainSecondsPerImage }) => mainSecondsPerImage)),
    };
  }
  if (parts.includes('startup')) {
    progress('start-up');
    measured.startup = { help: summary(await repeat(STARTS, measureHelp)), firstRow: [] };
    for (const precision of precisions.filter((one) => files.own[one] !== undefined)) {
      const starts = await repeat(STARTS, () => measureFirstRow(setup, precision));
      measured.startup.firstRow.push({ precision, seconds: summary(starts) });
    }
  }
  if (parts.includes('scaling')) {
    const { missing: left, ...scaling } = await measureScaling({ ...setup, includes }, { batch, seconds, rounds });
    for (const name of left) missing.add(name);
    measured.scaling = scaling;
  }
  return { ...measured, missing: [...missing] };
}

/** A comma-separated flag. */
function listOf(flag, known) {
  const list = flags[flag].split(',');
  const wrong = list.find((one) => !known.includes(one));
  if (wrong !== undefined) throw new Error(`Expected --${flag} to list ${known.join(', ')} but received ${wrong}.`);
  return list;
}

function countOf(flag, normal) {
  const count = Number(flags[flag] ?? normal);
  if (Number.isInteger(count) && count >= 1) return count;
  throw new Error(`Expected --${flag} to be a positive whole number but received ${flags[flag]}.`);
}
