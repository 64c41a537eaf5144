/** `vgg16 model verify`: a model by itself, or against another over images. */

import { ExitCode, usageError } from '../../errors.js';
import { printable } from '../../output/printable.js';
import {
  type Agreement,
  AgreementSum,
  type ComparedRow,
  comparedCsv,
  comparedJsonl,
} from '../../output/rows/compared.js';
import type { RowEncoder } from '../../output/rows/encoder.js';
import type { FailedRow } from '../../output/rows/records.js';
import { layoutOf } from '../../output/store/formats.js';
import { checkModel, compareModels } from '../../services/model/verify.js';
import type { RunEvent } from '../../services/pipeline/run.js';
import type { CommandContext } from '../command/context.js';
import { rowOutput, textFormat } from '../output/file.js';
import { formatOf, STDOUT } from '../output/options.js';
import { checkOutputFiles } from '../output/stored.js';
import { ensureWeights } from '../run/download.js';
import { type ImageRunFlags, runImages } from '../run/image-run.js';
import { openInputs } from '../run/inputs.js';
import { openOptions } from '../run/model-options.js';
import { printJson } from '../terminal/print-json.js';
import { formatCount } from '../terminal/rate.js';

export interface VerifyFlags extends ImageRunFlags {
  readonly against?: string | undefined;
  readonly 'against-precision'?: ImageRunFlags['precision'] | undefined;
  readonly format?: 'csv' | 'jsonl' | undefined;
  readonly 'top-k': number;
  readonly 'max-diff': number;
  readonly 'min-top1': number;
}

/** `images` are none where the model is looked at by itself. */
export async function runVerify(
  model: string,
  images: readonly string[],
  flags: VerifyFlags,
  context: CommandContext,
): Promise<ExitCode> {
  const given = images.length > 0 || flags['files-from'] !== undefined;
  if (flags.against === undefined) {
    if (given) {
      throw usageError(
        'Expected --against OTHER with images: a model is compared with another over them.',
        `Type vgg16 model verify ${model} --against OTHER ${images[0] ?? 'photos/'}`,
      );
    }
    return await verifyAlone(model, flags, context);
  }
  if (!given) {
    throw usageError(
      'Expected images with --against: both models are run over them.',
      `Type vgg16 model verify ${model} --against ${flags.against} photos/`,
    );
  }
  return await verifyAgainst(model, flags.against, images, flags, context);
}

async function verifyAlone(model: string, flags: VerifyFlags, context: CommandContext): Promise<ExitCode> {
  if (flags.output !== STDOUT) {
    throw usageError(
      'Expected --against OTHER and images with --output, which is for their rows.',
      'Leave --output out, or add --against OTHER photos/.',
    );
  }
  const { card, sha256, checks } = await checkModel(model, await openOptions({ ...flags, model }, context.cacheDir));
  const failed = checks.filter(({ ok }) => ok === false);
  const exitCode = failed.length === 0 ? ExitCode.Ok : ExitCode.Gate;
  if (flags.json === true) {
    printJson({ model: card.name, sha256, checks, exitCode });
    return exitCode;
  }
  const { bold, red, dim } = context.style;
  const marks = { true: 'ok', false: red('FAILED'), null: dim('-') };
  for (const { name, ok, found } of checks) {
    process.stdout.write(`${bold(name.padEnd(NAME_WIDTH))}${marks[`${ok}`].padEnd(MARK_WIDTH)}${printable(found)}\n`);
  }
  return exitCode;
}

const NAME_WIDTH = 9;
const MARK_WIDTH = 4;

async function verifyAgainst(
  model: string,
  other: string,
  inputs: readonly string[],
  flags: VerifyFlags,
  context: CommandContext,
): Promise<ExitCode> {
  if (flags['files-from'] === STDOUT) {
    throw usageError('Expected --files-from FILE but received -: the list is read twice, once for each model.');
  }
  const format = formatOf(flags.format, flags.output, false) === 'jsonl' ? 'jsonl' : 'csv';
  if (flags.output !== STDOUT) await checkOutputFiles([flags.output], flags);
  const sum = new AgreementSum();
  const encoder = (): RowEncoder<ComparedRow | FailedRow> => (format === 'csv' ? comparedCsv() : comparedJsonl());
  const open = await openOptions({ ...flags, model }, context.cacheDir);
  await ensureWeights(other, flags, context.cacheDir);
  const exitCode = await runImages<ComparedRow>({
    command: 'model verify',
    inputs,
    flags: { ...flags, model },
    context,
    onTerminal: flags.output === STDOUT && process.stdout.isTTY === true,
    output: (onClosed) =>
      rowOutput<ComparedRow>({
        command: 'model verify',
        format,
        flags,
        encoder,
        formatFor: (_, target) => textFormat(layoutOf(format, target, []), encoder()),
        settings: { against: other },
        onClosed,
      }),
    events: (first) =>
      summed(
        (async function* () {
          const images = await openInputs(inputs, flags, 'model verify');
          const precision = flags['against-precision'] ?? flags.precision;
          yield* compareModels({ first, second: { model: other, open, precision, images }, topK: flags['top-k'] });
        })(),
        sum,
      ),
    results: () => sum.result(),
  });
  const agreement = sum.result();
  if (agreement.images === 0) return exitCode;
  if (flags.quiet !== true) for (const line of agreementLines(agreement, flags['top-k'])) context.say(line);
  const misses = gateMisses(agreement, flags);
  for (const miss of misses) context.say(`${context.style.red('failed:')} ${miss}`);
  return misses.length > 0 && (exitCode === ExitCode.Ok || exitCode === ExitCode.SomeFailed) ? ExitCode.Gate : exitCode;
}

async function* summed(events: AsyncGenerator<RunEvent<ComparedRow>, void>, sum: AgreementSum) {
  for await (const event of events) {
    if (event.type === 'rows') for (const row of event.rows) if (!('kept' in row)) sum.add(row);
    yield event;
  }
}

function agreementLines(
  { images, relativeDiff, maxDiff, meanDiff, worst, top1, topK }: Agreement,
  k: number,
): string[] {
  const percent = (value: number) => `${value.toFixed(2)} %`;
  return [
    `largest difference ${maxDiff.toPrecision(3)} (${relativeDiff.toExponential(1)} of the largest output), at ${printable(worst ?? '')}; mean ${meanDiff.toPrecision(3)}`,
    ...(top1 === null || topK === null
      ? []
      : [`same best class ${percent(top1)}, common among the best ${k} ${percent(topK)}, of ${formatCount(images)}`]),
  ];
}

function gateMisses({ relativeDiff, top1 }: Agreement, flags: VerifyFlags): string[] {
  const misses: string[] = [];
  if (!(relativeDiff <= flags['max-diff'])) {
    misses.push(`the largest difference is ${relativeDiff.toExponential(1)}, --max-diff allows ${flags['max-diff']}`);
  }
  if (top1 !== null && top1 < flags['min-top1']) {
    misses.push(`the best class is the same for ${top1.toFixed(2)} %, --min-top1 wants ${flags['min-top1']} %`);
  }
  return misses;
}
