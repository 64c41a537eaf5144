/** `vgg16 model import`: flags → service → a line, or an object. */

import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ExitCode, usageError } from '../../errors.js';
import { hasCard, parseCard } from '../../formats/card/parse.js';
import { readWeightFile } from '../../formats/open.js';
import { importedFile, isKnownModel, recognize } from '../../models/catalog/known-models.js';
import { knownWeights } from '../../models/catalog/published-weights.js';
import { openModel } from '../../models/open.js';
import { checkOutput } from '../../output/files/check-output.js';
import { printable } from '../../output/printable.js';
import { importModel } from '../../services/model/import.js';
import type { CommandContext } from '../command/context.js';
import { type ModelFlags, openOptions } from '../run/model-options.js';
import { runWhole } from '../run/whole-run.js';
import { printJson } from '../terminal/print-json.js';
import { megabytes } from '../terminal/size.js';

export interface ImportModelFlags extends Omit<ModelFlags, 'model'> {
  readonly name?: string | undefined;
  readonly output?: string | undefined;
  readonly force?: boolean | undefined;
  readonly json?: boolean | undefined;
  readonly quiet?: boolean | undefined;
}

/** A known name is for the published weights, by their hash, and for this tool's own file of them. */
async function isThatModel(name: string, file: string, cacheDir: string): Promise<boolean> {
  if (knownWeights(name) === undefined) return false;
  if ((await recognize(file, cacheDir))?.name === name) return true;
  const read = await readWeightFile(file);
  return hasCard(read) && parseCard(read).name === name;
}

export async function runImportModel(
  file: string,
  flags: ImportModelFlags,
  context: CommandContext,
): Promise<ExitCode> {
  return await runWhole(context, (signal) => imported(file, flags, context, signal));
}

async function imported(
  file: string,
  flags: ImportModelFlags,
  context: CommandContext,
  signal: AbortSignal,
): Promise<ExitCode> {
  const open = await openOptions({ ...flags, model: file }, context.cacheDir, signal);
  const model = await openModel(file, open);
  const name = flags.name ?? model.card.name;
  const output = flags.output ?? importedFile(name, context.cacheDir);
  if (output === undefined) {
    throw usageError(
      `Expected letters, digits, dots and dashes as --name but received ${printable(name)}.`,
      'Add --name my-model, or -o my-model.safetensors.',
    );
  }
  if (flags.output === undefined && isKnownModel(name) && !(await isThatModel(name, file, context.cacheDir))) {
    throw usageError(`Expected another --name than ${name}, which is that of a known model.`, 'Add --name my-model.');
  }
  if (flags.output === undefined) await mkdir(dirname(output), { recursive: true });
  const replace = flags.force === true;
  await checkOutput(output, { force: replace });
  const { card, sha256 } = await importModel({ model: file, open, output, replace, card: { name }, signal });
  const { size: bytes } = await stat(output);
  if (flags.json === true) {
    printJson({ name, path: output, bytes, sha256, preset: card.preset.name });
  } else if (flags.quiet !== true) {
    const use = flags.output === undefined ? name : output;
    context.say(
      `${printable(file)} (${megabytes(bytes)}, preset ${printable(card.preset.name)}) → ${printable(output)}`,
    );
    context.say(`Use it with --model ${printable(use)}.`);
  }
  return ExitCode.Ok;
}
