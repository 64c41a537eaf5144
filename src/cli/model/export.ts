/** `vgg16 model export`: flags → service → a line, or an object. */

import { extname } from 'node:path';
import { ExitCode, RunError, usageError } from '../../errors.js';
import type { ExportDType } from '../../formats/export/options.js';
import { IMAGE_EXTENSIONS } from '../../images/list/extensions.js';
import { type ExportFormat, FOLDER_FORMATS, formatOfExtension } from '../../models/export-formats.js';
import type { OpenOptions } from '../../models/open.js';
import { checkOutput } from '../../output/files/check-output.js';
import { printable } from '../../output/printable.js';
import type { VerifiedExport } from '../../services/model/comparison/exported.js';
import { type ExportedModel, exportModel } from '../../services/model/export.js';
import type { CommandContext } from '../command/context.js';
import { DEFAULT_MAX_PIXELS } from '../flags/run.js';
import { checkModelFolder } from '../output/model-folder.js';
import { type InputFlags, openInputs } from '../run/inputs.js';
import { type ModelFlags, openOptions } from '../run/model-options.js';
import { runWhole } from '../run/whole-run.js';
import { printJson } from '../terminal/print-json.js';
import { megabytes } from '../terminal/size.js';

export interface ExportModelFlags extends Omit<ModelFlags, 'model'> {
  readonly output?: string | undefined;
  readonly format?: ExportFormat | undefined;
  readonly outputs?: string | undefined;
  readonly precision: ExportDType;
  readonly verify?: readonly string[] | undefined;
  readonly 'max-diff'?: number | undefined;
  readonly force?: boolean | undefined;
  readonly json?: boolean | undefined;
  readonly quiet?: boolean | undefined;
}

export async function runExportModel(
  model: string,
  flags: ExportModelFlags,
  context: CommandContext,
): Promise<ExitCode> {
  const { output } = flags;
  if (output === undefined) {
    throw usageError('Expected --output PATH for the exported model but received none.', 'Add -o vgg16.onnx.');
  }
  const format = flags.format ?? formatOfExtension(extname(output));
  if (format === undefined) {
    throw usageError(
      `Expected --format with an --output whose name does not say it, ${output}.`,
      'Add --format savedmodel, onnx, safetensors, pytorch, tfjs or keras.',
    );
  }
  return await runWhole(context, (signal) => exported({ model, format, output, flags, context, signal }));
}

interface Run {
  readonly model: string;
  readonly format: ExportFormat;
  readonly output: string;
  readonly flags: ExportModelFlags;
  readonly context: CommandContext;
  readonly signal: AbortSignal;
}

async function exported({ model, format, output, flags, context, signal }: Run): Promise<ExitCode> {
  const force = flags.force === true;
  await (FOLDER_FORMATS.includes(format) ? checkModelFolder(output, { force }) : checkOutput(output, { force }));
  const open = await openOptions({ ...flags, model }, context.cacheDir, signal);
  const outputs = flags.outputs?.split(',').map((name) => name.trim()) ?? [];
  const written = await exportModel({
    model,
    open,
    format,
    output,
    outputs,
    dtype: flags.precision,
    force,
    signal,
  });
  const { card, bytes } = written;
  if (flags.json !== true && flags.quiet !== true) {
    context.say(`${printable(card.name)} as ${format} (${megabytes(bytes)}) → ${printable(output)}`);
  }
  const verified = await verifyWritten(model, written, open, flags);
  const limit = flags['max-diff'] ?? DEFAULT_MAX_DIFF[flags.precision];
  const passed = verified === undefined || verified.relativeDiff <= limit;
  const exitCode = passed ? ExitCode.Ok : ExitCode.Gate;
  if (flags.json === true) {
    const printed = { model: card.name, format, output, bytes, precision: flags.precision, verified, exitCode };
    printJson(printed);
  } else if (verified !== undefined && flags.quiet !== true) {
    for (const line of verifiedLines(verified)) context.say(line);
  }
  if (!passed) {
    const found = verified.relativeDiff.toExponential(1);
    context.say(`${context.style.red('failed:')} the largest difference is ${found}, --max-diff allows ${limit}`);
  }
  return exitCode;
}

/** Of the largest output. Weights of 16 bits are off by up to 0.05 % (f16) and 0.4 % (bf16), and layers add up. */
const DEFAULT_MAX_DIFF: Readonly<Record<ExportDType, number>> = { f32: 1e-4, f16: 0.01, bf16: 0.05 };

async function verifyWritten(
  model: string,
  exported: ExportedModel,
  open: OpenOptions,
  { verify }: ExportModelFlags,
): Promise<VerifiedExport | undefined> {
  if (verify === undefined) return undefined;
  const images = await openInputs(verify, ALL_IMAGES, 'model export');
  const { verifyExport } = await import('../../services/model/comparison/exported.js');
  const verified = await verifyExport({ exported, model, open, images, maxPixels: DEFAULT_MAX_PIXELS });
  if (verified.images > 0) return verified;
  throw new RunError('NO_INPUTS', 'Expected images that can be read for --verify but there is none.', {
    exitCode: ExitCode.NoInputs,
  });
}

/** The input group's flags as they are when nobody sets them. */
const ALL_IMAGES: InputFlags = { recursive: true, ext: IMAGE_EXTENSIONS, 'follow-symlinks': false };

function verifiedLines({ runtime, images, failed, maxDiff, relativeDiff, worst, top1 }: VerifiedExport): string[] {
  const outputs = `${images} ${images === 1 ? 'output' : 'outputs'}`;
  const agreement = top1 === null ? '' : `; same best class ${top1.toFixed(2)} %`;
  const unread = failed === 0 ? '' : `; ${failed} images could not be read`;
  const largest = `${maxDiff.toPrecision(3)} (${relativeDiff.toExponential(1)} of the largest output), at ${printable(worst ?? '')}`;
  return [`run by ${runtime}, ${outputs}: largest difference ${largest}${agreement}${unread}`];
}
