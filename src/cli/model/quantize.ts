/** `vgg16 model quantize`: flags → service → progress, then a report or an object. */

import { ExitCode, usageError } from '../../errors.js';
import { IMAGE_EXTENSIONS } from '../../images/list/extensions.js';
import type { RangeMethod } from '../../models/quantize/calibration.js';
import { checkOutput } from '../../output/files/check-output.js';
import { printable } from '../../output/printable.js';
import { type QuantizedModel, type QuantizePhase, quantizeModel } from '../../services/model/quantize.js';
import type { CommandContext } from '../command/context.js';
import { DEFAULT_MAX_PIXELS } from '../flags/run.js';
import { type InputFlags, openInputs } from '../run/inputs.js';
import { type ModelFlags, openOptions } from '../run/model-options.js';
import { runWhole } from '../run/whole-run.js';
import { printJson } from '../terminal/print-json.js';
import { openProgress, progressStyle, progressText } from '../terminal/progress.js';
import { formatCount } from '../terminal/rate.js';
import { megabytes } from '../terminal/size.js';

export interface QuantizeFlags extends Omit<ModelFlags, 'model'> {
  readonly output?: string | undefined;
  readonly force?: boolean | undefined;
  readonly calibrate?: readonly string[] | undefined;
  readonly check?: readonly string[] | undefined;
  readonly method: RangeMethod | 'auto';
  readonly progress?: boolean | undefined;
  readonly json?: boolean | undefined;
  readonly quiet?: boolean | undefined;
}

/** Resolves to the exit code. */
export async function runQuantize(model: string, flags: QuantizeFlags, context: CommandContext): Promise<ExitCode> {
  const { output, calibrate } = flags;
  if (calibrate === undefined) {
    throw usageError(
      'Expected --calibrate IMAGES, which the ranges of the activations are chosen with, but received none.',
      `Type vgg16 model quantize ${printable(model)} --calibrate photos/ -o int8.safetensors`,
    );
  }
  if (output === undefined) {
    throw usageError('Expected --output FILE for the quantised model but received none.', 'Add -o int8.safetensors.');
  }
  return await runWhole(context, (signal) => quantized({ model, output, calibrate, flags, context, signal }));
}

interface Run {
  readonly model: string;
  readonly output: string;
  readonly calibrate: readonly string[];
  readonly flags: QuantizeFlags;
  readonly context: CommandContext;
  readonly signal: AbortSignal;
}

async function quantized({ model, output, calibrate, flags, context, signal }: Run): Promise<ExitCode> {
  const replace = flags.force === true;
  await checkOutput(output, { force: replace });
  const open = await openOptions({ ...flags, model }, context.cacheDir, signal);
  const list = (inputs: readonly string[]) => openInputs(inputs, ALL_IMAGES, 'model quantize');
  const events = quantizeModel({
    model,
    open,
    output,
    replace,
    calibrate: await list(calibrate),
    ...(flags.check === undefined ? {} : { check: await list(flags.check) }),
    method: flags.method,
    maxPixels: DEFAULT_MAX_PIXELS,
    signal,
  });
  const result = await followed(events, flags);
  if (flags.json === true) {
    const { card, ...rest } = result;
    printJson({ model: card.name, ...rest });
  } else if (flags.quiet !== true) {
    for (const line of reportLines(result)) context.say(line);
  }
  return ExitCode.Ok;
}

/** The input group's flags as they are when nobody sets them. */
const ALL_IMAGES: InputFlags = { recursive: true, ext: IMAGE_EXTENSIONS, 'follow-symlinks': false };

async function followed(events: ReturnType<typeof quantizeModel>, flags: QuantizeFlags): Promise<QuantizedModel> {
  let phase: QuantizePhase | undefined;
  const progress = await openProgress(
    progressStyle(flags),
    process.stderr,
    (...now) => `${phase}: ${progressText(...now)}`,
  );
  try {
    for await (const event of events) {
      if (event.type === 'done') return event.result;
      const { seen, total } = event;
      if (event.phase !== phase) {
        if (phase !== undefined) progress.stop();
        phase = event.phase;
        progress.start(total);
      }
      progress.update({ seen, ok: seen, failed: 0, skipped: 0 });
    }
  } finally {
    if (phase !== undefined) progress.stop();
  }
  throw new Error('Expected the result of the quantisation.');
}

function reportLines(result: QuantizedModel): string[] {
  const { card, path, bytes, method, methods, calibrated, failed, measured, features, cost } = result;
  const { images, cosine, top1, logits } = cost;
  const unread = failed === 0 ? '' : `, ${formatCount(failed)} could not be read`;
  const compared = methods.map((each) => `${each.method} ${each.error.toExponential(1)}`).join(', ');
  const how =
    measured === 'int8' ? 'in int8' : 'in float32 rounded as int8 is: this processor has no int8 instructions';
  return [
    `${printable(card.name)} in int8 (${megabytes(bytes)}) → ${printable(path)}`,
    `ranges by ${method}, over ${formatCount(calibrated)} images${unread}${compared === '' ? '' : `; 1 - cosine of ${features}: ${compared}`}`,
    `cost on ${formatCount(images)} other images, ${how}:`,
    `  ${features}: cosine ${cosine.mean.toFixed(5)} mean, ${cosine.worst.toFixed(5)} worst`,
    ...(top1 === null || logits === null
      ? []
      : [
          `  same best class ${top1.toFixed(2)} %`,
          `  logits: largest |Δ| ${logits.maxDiff.toPrecision(3)}, mean ${logits.meanDiff.toPrecision(3)}, of up to ${logits.largest.toPrecision(3)}`,
        ]),
    ...(measured === 'int8' ? [`Use it with --model ${printable(path)} --precision int8.`] : []),
  ];
}
