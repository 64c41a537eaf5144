/** `vgg16 model list`: models as text (a table of their numbers, then where each comes from), or as objects. */

import { ExitCode } from '../../errors.js';
import { printable } from '../../output/printable.js';
import { alignedColumns } from '../../output/rows/columns.js';
import { type ListedModel, listModels } from '../../services/model/list.js';
import type { CommandContext } from '../command/context.js';
import { printJson } from '../terminal/print-json.js';
import type { Style } from '../terminal/style.js';

export interface ListFlags {
  readonly 'weights-url'?: string | undefined;
  readonly json?: boolean | undefined;
}

/** Resolves to the exit code. */
export async function runList(flags: ListFlags, { cacheDir, style }: CommandContext): Promise<ExitCode> {
  const models = await listModels({ cacheDir, weightsUrl: flags['weights-url'] });
  if (flags.json === true) printJson(models, 2);
  else process.stdout.write(`${modelListText(models, style)}\n`);
  return ExitCode.Ok;
}

/** Digits of whole hashes; of some only the first are published. */
const DIGITS = { sha256: 64, sha384: 96, md5: 32 } as const;

const INDENT = '  ';

export function modelListText(models: readonly ListedModel[], { bold, dim }: Style): string {
  const rows = models.map(({ name, bytes, exact, accuracy, preset, cached }) => [
    printable(name),
    `${exact ? '' : '~'}${(bytes / 1e6).toFixed(1)} MB`,
    percent(accuracy?.top1),
    percent(accuracy?.top5),
    printable(preset),
    cached === null ? 'no' : 'yes',
  ]);
  const head = ['Name', 'Size', 'Top-1', 'Top-5', 'Preset', 'Here'].map(bold);
  const table = alignedColumns([head, ...rows], ['left', 'right', 'right', 'right', 'left', 'left']);
  return [table, ...models.map((model) => details(model, bold, dim))].join('\n\n');
}

function details(model: ListedModel, bold: Style['bold'], dim: Style['dim']): string {
  const { name, what, url, confirmed, hash, license, accuracy, cached, note, source } = model;
  const facts: readonly (readonly [string, string | null])[] = [
    ['from', url === null || confirmed ? url : `${url} (not confirmed)`],
    ['hash', `${hash.algorithm} ${hash.hex}${hash.hex.length < DIGITS[hash.algorithm] ? '…' : ''}`],
    ['licence', license],
    ['accuracy', accuracy === null ? null : `on ${accuracy.on}`],
    ['facts', source],
    ['note', note],
    ['file', cached],
  ];
  const width = Math.max(...facts.map(([fact]) => fact.length)) + INDENT.length;
  const lines = facts.flatMap(([fact, text]) =>
    text === null ? [] : [`${INDENT}${dim(fact.padEnd(width))}${printable(text)}`],
  );
  return [`${bold(printable(name))}: ${printable(what)}`, ...lines].join('\n');
}

function percent(value: number | undefined): string {
  return value === undefined ? '-' : value.toFixed(2);
}
