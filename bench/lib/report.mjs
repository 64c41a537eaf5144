/** The whole report: machine, model alone, pipelines, the limit, start-up, scaling. Parts that did not run are left out. */

import { bf16Unit, int8Unit } from './machine.mjs';
import { scalingSections } from './scaling-report.mjs';
import { best, contenderTable, figure, markdownTable, ownRate, withSpread } from './table.mjs';
import { counted } from './turns.mjs';

/** The text of each part, and of all under `''`. */
export function report(results) {
  const { model, pipeline, decoder, startup, scaling, missing } = results;
  const parts = {
    machine: heading(results),
    ...(model && { model: contenderTable(model, { batch: ({ batch }) => batch }) }),
    ...(pipeline && { pipeline: pipelineTable(pipeline), three: threeRows(results) }),
    ...(model && pipeline && decoder && { limit: limitTable(results) }),
    ...(startup && { startup: startupTable(results) }),
    ...(scaling && { scaling: scalingSections(results).join('\n\n') }),
    ...(missing.length > 0 && { missing: `Not measured, for lack of a package: ${missing.join('; ')}.` }),
  };
  const titled = Object.entries(parts)
    .filter(([part]) => part !== 'three')
    .flatMap(([part, text]) => (TITLES[part] === undefined ? [text] : [`### ${TITLES[part]}`, text]));
  return { '': titled.join('\n\n'), ...parts };
}

const TITLES = {
  model: 'Model alone',
  pipeline: 'Whole pipeline: JPEG files to a CSV file',
  limit: 'Pipeline against its limit',
  startup: 'Start-up',
};

/** Parts that may stand alone in a page; the whole report leaves out `three`, whose rows are among those of `pipeline`. */
export const PAGE_PARTS = ['', 'machine', ...Object.keys(TITLES), 'three'];

function pipelineTable(pipeline) {
  return contenderTable(pipeline, { 'whole run, s': ({ totalSeconds }) => withSpread(totalSeconds) });
}

/** For the README: of the pipelines in f32 this tool, the fastest of the other runtimes, and the faster way with PyTorch. */
function threeRows({ machine, settings, pipeline }) {
  const fastest = (groups) =>
    groups
      .map((group) => best(pipeline, group, 'f32'))
      .filter((result) => result !== undefined)
      .sort((a, b) => b.rate.median - a.rate.median)[0];
  const rows = [['own'], ['onnx', 'openvino'], ['torch']].map(fastest).filter((result) => result !== undefined);
  const { rounds, photos } = settings;
  return [
    ...(settings.quick ? [QUICK] : []),
    `${machine.cpu}, ${machine.threads} threads, ${photos.count} photographs; median of ${counted(rounds, 'round')} (lowest-highest), ${machine.date}:`,
    '',
    pipelineTable(rows),
  ].join('\n');
}

const QUICK = '**A quick run: it shows that everything works, not how fast.**';

function heading({ machine, peers, settings }) {
  const unit = (name, found) => `${name}: ${found ?? 'no instructions'}`;
  const versions = Object.entries({ ...machine.versions, ...peers }).map(([name, version]) => `${name} ${version}`);
  const { rounds, seconds, photos } = settings;
  return [
    ...(settings.quick ? [QUICK] : []),
    `${machine.date}, ${machine.cpu}, ${machine.processors} processors, ${machine.threads} threads, ${machine.memoryGiB} GiB; ` +
      `${unit('bf16', bf16Unit(machine))}, ${unit('int8', int8Unit(machine))}; load average at the start ${machine.load.toFixed(1)}.`,
    `${versions.join(', ')}.`,
    `Median of ${counted(rounds, 'round')} (lowest-highest) of ${seconds} s; ` +
      `random weights of full size; ${photos.count} photographs a pipeline run.`,
  ].join('\n');
}

/**
 * The pipeline's limit: an image costs 1 / model seconds on all threads, and its decoding the CPU time measured alone,
 * spread over the threads.
 */
export function pipelineLimit(modelRate, cpuSecondsPerImage, threads) {
  return 1 / (1 / modelRate + cpuSecondsPerImage / threads);
}

function limitTable({ machine, model, pipeline, decoder }) {
  const cpu = decoder.cpuSecondsPerImage.median;
  const own = pipeline.filter(({ group, precision }) => group === 'own' && ownRate(model, precision) !== undefined);
  const rows = own.map(({ precision, rate }) => {
    const alone = ownRate(model, precision);
    const limit = pipelineLimit(alone, cpu, machine.threads);
    const cells = [alone, limit, rate.median].map(figure);
    return [
      precision,
      cells[0],
      (cpu * 1000).toFixed(2),
      withSpread(decoder.rate),
      ...cells.slice(1),
      (rate.median / limit).toFixed(2),
    ];
  });
  const header = [
    'precision',
    'model, img/s',
    'decode, CPU ms',
    'decode, img/s',
    'limit, img/s',
    'pipeline, img/s',
    'pipeline ÷ limit',
  ];
  return markdownTable(header, rows);
}

function startupTable({ startup, pipeline = [] }) {
  const peers = pipeline.filter(({ group }) => group !== 'own');
  const row = (name, precision, seconds) => [`${name}, ${precision}: start to first row`, withSpread(seconds)];
  return markdownTable(
    ['', 'seconds'],
    [
      ['`vgg16 --help`', withSpread(startup.help)],
      ...startup.firstRow.map(({ precision, seconds }) => row('`vgg16 classify`', precision, seconds)),
      ...peers.map(({ name, precision, firstRow }) => row(name, precision, firstRow)),
    ],
  );
}
