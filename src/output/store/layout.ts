/** Which files an output is made of, format by format. */

import { rm } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import { readSafetensorsRows, writeSafetensors } from '../arrays/safetensors.js';
import { type ArraySpec, isSameSpec, type StoredRows } from '../arrays/spec.js';
import { compressFile, compressionOf, decompressFile } from '../files/compression.js';
import type { Scratch } from '../files/scratch.js';

/** Rows as they are written while a run goes on: one file of text and one NPY file an array. */
export interface Spools {
  readonly text: string;
  readonly textStart: number;
  readonly arrays: readonly StoredRows[];
  readonly rows: number;
}

/** A file that is made of the spools when all rows are there, because its format cannot grow. */
export interface Pack {
  readonly final: string;
  /** Makes `file`, which does not exist yet, and syncs it to disk. */
  readonly pack: (spools: Spools, file: string) => Promise<void>;
}

export interface Layout {
  /** The output as it was named; the journal and the record of the run lie beside it. */
  readonly target: string;
  readonly format: string;
  /** Where the text spool ends up, or `null` when it is only there to be packed. */
  readonly textFinal: string | null;
  readonly arrays: readonly { readonly spec: ArraySpec; readonly final: string | null }[];
  readonly packs: readonly Pack[];
  /** The text of a row whose position in the input has changed, where text holds it. */
  readonly reindex?: (text: Buffer, path: string, from: number, to: number) => Buffer;
  /**
   * For packed formats: the spools of a finished output. Where they have to be made they are files of `scratch`, and are
   * deleted with `dispose`. Rejects with what `signal` was aborted for. Throws OUTPUT_FAILED for a damaged output.
   */
  readonly unpack?: (scratch: Scratch, signal?: AbortSignal) => Promise<Unpacked>;
}

export interface Unpacked {
  readonly text: string;
  readonly arrays: readonly StoredRows[];
  readonly dispose: () => Promise<void>;
}

/** Every file that makes up a finished output, the named one first. */
export function finalsOf({ target, textFinal, arrays, packs }: Layout): readonly string[] {
  const all = [textFinal, ...arrays.map(({ final }) => final), ...packs.map(({ final }) => final)];
  const finals = all.filter((final): final is string => final !== null);
  return [...finals.filter((final) => final === target), ...finals.filter((final) => final !== target)];
}

export function journalPath(target: string): string {
  return `${target}.journal`;
}

/** Unfinished files carry the attempt in their name, because engines run the same task twice at the same time. */
export function attemptFiles(layout: Layout, attempt: string) {
  const partial = (final: string | null, part: string) =>
    final === null ? `${layout.target}.${attempt}.${part}.partial` : `${final}.${attempt}.partial`;
  return {
    text: partial(layout.textFinal, 'rows'),
    arrays: layout.arrays.map(({ spec, final }) => partial(final, spec.name)),
    packs: layout.packs.map(({ final }) => `${final}.${attempt}.packed.partial`),
    journal: `${layout.target}.${attempt}.journal`,
  };
}

/** Text alone: CSV and JSON lines; compressed where the name of the output says so. */
export function textLayout(target: string, format: string, reindex?: Layout['reindex']): Layout {
  const common = { target, format, arrays: [], ...(reindex === undefined ? {} : { reindex }) };
  const compression = compressionOf(target);
  if (compression === undefined) return { ...common, textFinal: target, packs: [] };
  return {
    ...common,
    textFinal: null,
    packs: [{ final: target, pack: ({ text }, file) => compressFile(text, file, compression) }],
    unpack: async (scratch, signal) => {
      const text = await scratch.file();
      await decompressFile(target, text, compression, signal);
      return { text, arrays: [], dispose: () => rm(text, { force: true }) };
    },
  };
}

/** The list of images beside arrays. */
export function pathsFile(target: string): string {
  return `${target}.paths`;
}

/** One NPY file for each array: `fc7.npy`, or `x.fc6.npy` and `x.fc7.npy` for more than one. */
export function npyLayout(target: string, specs: readonly ArraySpec[]): Layout {
  const arrays = specs.map((spec) => ({ spec, final: specs.length === 1 ? target : withPart(target, spec.name) }));
  return { target, format: 'npy', textFinal: pathsFile(target), arrays, packs: [] };
}

/** `x.npy` → `x.fc6.npy` */
function withPart(target: string, part: string): string {
  const extension = extname(target);
  return join(dirname(target), `${basename(target, extension)}.${part}${extension}`);
}

/** One file for all arrays, whose header comes first and needs the number of rows. */
export function safetensorsLayout(
  target: string,
  specs: readonly ArraySpec[],
  metadata: Record<string, string>,
): Layout {
  return {
    target,
    format: 'safetensors',
    textFinal: pathsFile(target),
    arrays: specs.map((spec) => ({ spec, final: null })),
    packs: [{ final: target, pack: ({ arrays }, file) => writeSafetensors(file, arrays, metadata) }],
    unpack: async () => {
      const stored = await readSafetensorsRows(target);
      // The file has an order of its own.
      const arrays = specs.map((spec) => {
        const found = stored.arrays.find((array) => isSameSpec(array, spec));
        if (found === undefined) throw new Error(`Expected ${spec.name} in ${target}.`);
        return found;
      });
      return { text: pathsFile(target), arrays, dispose: async () => {} };
    },
  };
}
