/** `vgg16 model inspect`: a model as text (a table of its layers, then what its card says), or an object. */

import { ExitCode } from '../../errors.js';
import { printable } from '../../output/printable.js';
import { alignedColumns } from '../../output/rows/columns.js';
import { type Inspection, inspectModel } from '../../services/model/inspect.js';
import type { CommandContext } from '../command/context.js';
import { type ModelFlags, openOptions } from '../run/model-options.js';
import { printJson } from '../terminal/print-json.js';
import { megabytes } from '../terminal/size.js';
import type { Style } from '../terminal/style.js';

export interface InspectFlags extends Omit<ModelFlags, 'model'> {
  readonly json?: boolean | undefined;
}

/** Resolves to the exit code. Without a model it is the plain network of the paper. */
export async function runInspect(
  model: string | undefined,
  flags: InspectFlags,
  { cacheDir, style }: CommandContext,
): Promise<ExitCode> {
  // The plain network is the one that `random` fills, so that its flags are checked alike.
  const open = await openOptions({ ...flags, model: model ?? 'random' }, cacheDir);
  const found = await inspectModel({ model, open });
  if (flags.json === true) printJson(found, 2);
  else process.stdout.write(`${inspectionText(found, style)}\n`);
  return ExitCode.Ok;
}

/** Width of the column of names below the table. */
const NAME_WIDTH = 12;

/** Labels that are shown; the rest are counted. */
const SHOWN_LABELS = 5;

export function inspectionText({ architecture, summary, model }: Inspection, { bold }: Style): string {
  const facts: (readonly [string, string])[] = [
    ['Parameters', `${count(summary.parameters)} (${megabytes(summary.bytes)} as f32)`],
    ['Compute', `${(summary.macs / 1e9).toFixed(2)} GMAC an image`],
    ['Input', `${architecture.inputSize} x ${architecture.inputSize} pixels`],
  ];
  if (model !== null) {
    const { preset, labels, accuracy, noClassifier, file, ranges } = model;
    const normalised = `(x / ${preset.divisor} - [${preset.mean.join(', ')}]) / [${preset.std.join(', ')}]`;
    facts.unshift(['Model', model.name]);
    facts.push(
      [
        'Preset',
        `${preset.name}: shorter side ${preset.resize}, crop ${preset.crop}, ${preset.channels}, ${normalised}`,
      ],
      ['Labels', labels === null ? 'none' : labelsText(labels)],
      ['Accuracy', accuracy === null ? 'unknown' : accuracyText(accuracy)],
      ['Licence', model.license ?? 'unknown'],
      ['Source', model.source ?? 'unknown'],
    );
    if (noClassifier !== undefined) facts.push(['Classifier', `left out: ${noClassifier}`]);
    if (ranges !== null) facts.push(['Int8', `${Object.keys(ranges).length} layers; fc8 in float32`]);
    if (file !== null) facts.push(['File', `${file.path} (${megabytes(file.bytes)})`], ['sha256', file.sha256]);
  }
  const lines = facts.map(([name, fact]) => `${bold(name.padEnd(NAME_WIDTH))}${printable(fact)}`);
  return [layerTable(summary, bold), '', ...lines].join('\n');
}

function layerTable({ layers, parameters, macs }: Inspection['summary'], bold: Style['bold']): string {
  const rows = layers.map(({ name, outputShape, parameters: own, macs: work }) => [
    name,
    outputShape.join(' x '),
    count(own),
    count(work),
  ]);
  return alignedColumns(
    [
      ['Layer', 'Output shape', 'Parameters', 'MACs'].map(bold),
      ...rows,
      ['total', '', count(parameters), count(macs)].map(bold),
    ],
    ['left', 'right', 'right', 'right'],
  );
}

function labelsText(labels: readonly string[]): string {
  const first = labels.slice(0, SHOWN_LABELS).join(', ');
  return `${count(labels.length)}: ${first}${labels.length > SHOWN_LABELS ? ', …' : ''}`;
}

function accuracyText({
  top1,
  top5,
  on,
}: {
  readonly top1: number;
  readonly top5?: number;
  readonly on: string;
}): string {
  return `top-1 ${top1} %${top5 === undefined ? '' : `, top-5 ${top5} %`} on ${on}`;
}

function count(value: number): string {
  return value.toLocaleString('en-US');
}
