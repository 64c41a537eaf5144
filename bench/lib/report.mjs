/** The whole report: machine, model alone, pipelines, the limit, start-up. */

import { bf16Unit } from './machine.mjs';
import { contenderTable, figure, markdownTable, ownRate, withSpread } from './table.mjs';

export function report(results) {
  return [
    heading(results),
    ...['### Model alone', contenderTable(results.model, { batch: true })],
    ...['### Whole pipeline: JPEG files to CSV', contenderTable(results.pipeline, { batch: false })],
    ...['### Pipeline against its limit', limitTable(results)],
    ...['### Start-up', startupTable(results)],
    ...(results.missing.length === 0 ? [] : [`Not measured, for lack of a package: ${results.missing.join('; ')}.`]),
  ].join('\n\n');
}

function heading({ machine, peers, settings }) {
  const unit = bf16Unit(machine);
  const versions = Object.entries({ ...machine.versions, ...peers }).map(([name, version]) => `${name} ${version}`);
  return [
    ...(settings.quick ? ['**A quick run: it shows that everything works, not how fast.**'] : []),
    `${machine.date}, ${machine.cpu}, ${machine.processors} processors, ${machine.threads} threads, ${machine.memoryGiB} GiB; ` +
      `bf16: ${unit === undefined ? 'no instructions, not measured' : unit}.`,
    `${versions.join(', ')}.`,
    `Median of ${settings.rounds} round${settings.rounds === 1 ? '' : 's'} (lowest-highest); ` +
      `random weights of full size; ${settings.photos.count} photographs a pipeline run.`,
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
  const own = pipeline.filter(({ group }) => group === 'own');
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

function startupTable({ startup, pipeline }) {
  const peers = pipeline.filter(({ group }) => group === 'torch');
  return markdownTable(
    ['', 'seconds'],
    [
      ['`vgg16 --help`', withSpread(startup.help)],
      ['`vgg16 classify`, f32: start to first row', withSpread(startup.firstRow)],
      ...peers.map(({ name, precision, firstRow }) => [
        `${name}, ${precision}: start to first row`,
        withSpread(firstRow),
      ]),
    ],
  );
}
