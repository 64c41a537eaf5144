/** Finished outputs that are to be joined: checked against each other, and their rows in one order. */

import { createHash } from 'node:crypto';
import { usageError } from '../../errors.js';
import type { Scratch } from '../files/scratch.js';
import { differences, type Journal, readJournal, type Settings } from './journal.js';
import { journalPath, type Layout } from './layout.js';
import { type EarlierRow, openSource, type Source, soundRows } from './source.js';

/** One part: an output of a single file, or a dataset with several journals. */
export interface PartInput {
  /** As it was named. */
  readonly name: string;
  /** Its layouts in the order of their rows. */
  readonly layouts: readonly Layout[];
}

/** A part whose journals have been read. */
interface OpenPart {
  readonly name: string;
  readonly settings: Settings;
  readonly shard: { readonly index: number; readonly count: number };
  /** Digest of the whole input that its share was taken of. */
  readonly list: string;
  readonly failed: number;
  readonly sources: readonly Source[];
}

/** Parts in the order that their rows are joined in. */
export interface Joined {
  /** What all rows were made with. */
  readonly settings: Settings;
  /** Text before the first row. */
  readonly head: string;
  readonly list: string;
  readonly rows: number;
  readonly failed: number;
  /** Every row once, with its position in the whole. Throws USAGE for damage, a gap or a duplicate. */
  ordered(): AsyncGenerator<{ readonly row: EarlierRow; readonly index: number }>;
  close(): Promise<void>;
}

/** Missing shares named in a sentence; more are counted. */
const MAX_NAMED = 10;

/** Reads the journal of a finished output. Throws USAGE when it has none or the output is not complete. */
export async function finishedJournal(name: string, target: string): Promise<Journal> {
  const path = journalPath(target);
  const journal = await readJournal(path);
  if (journal === undefined) {
    throw usageError(
      `Expected the journal ${path} of ${name} but there is none that can be read.`,
      'Keep FILE.journal beside each part; a part that is not finished goes on with --resume.',
    );
  }
  if (journal.end === undefined) {
    throw usageError(
      `Expected ${name} to be complete but its journal ends after ${journal.rows.length} rows.`,
      'Type the command that made it again with --resume.',
    );
  }
  return journal;
}

/**
 * `list` is what a part says of its input where its journals do not: a dataset's manifest. Packed parts are unpacked into
 * `scratch`. Rejects with what `signal` was aborted for.
 */
export async function joinParts(
  parts: readonly (PartInput & { readonly list?: string })[],
  scratch: Scratch,
  signal?: AbortSignal,
): Promise<Joined> {
  const opened: OpenPart[] = [];
  const close = async () => {
    for (const { sources } of opened) for (const source of sources) await source.close();
  };
  try {
    for (const part of parts) opened.push(await openPart(part, scratch, signal));
    const [first] = opened;
    if (first === undefined) throw usageError('Expected parts to merge but received none.');
    for (const part of opened) checkSettings(first, part);
    const sharded = first.shard.count > 1;
    const inOrder = sharded ? checkShares(opened) : opened;
    const rows = count(opened, ({ journal }) => journal.rows.length);
    return {
      settings: { ...first.settings, shard: '1/1' },
      head: first.sources[0]?.head ?? '',
      list: sharded ? first.list : digestOf(inOrder),
      rows,
      failed: opened.reduce((sum, { failed }) => sum + failed, 0),
      ordered: () => (sharded ? interleaved(inOrder) : oneAfterTheOther(inOrder)),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function openPart(
  { name, layouts, list }: PartInput & { readonly list?: string },
  scratch: Scratch,
  signal: AbortSignal | undefined,
): Promise<OpenPart> {
  const sources: Source[] = [];
  let failed = 0;
  let first: Journal | undefined;
  for (const layout of layouts) {
    const journal = await finishedJournal(name, layout.target);
    first ??= journal;
    failed += journal.end?.failed ?? 0;
    const source = await openSource(layout, journal, scratch, signal);
    if (source === undefined) {
      throw usageError(`Expected the files of ${name} beside its journal but they are missing or cannot be read.`);
    }
    sources.push(source);
  }
  if (first === undefined) throw usageError(`Expected ${name} to hold rows but it has no parts.`);
  const { settings, shard } = first.header;
  return { name, settings, shard, list: list ?? first.end?.list ?? '', failed, sources };
}

function checkSettings(first: OpenPart, part: OpenPart): void {
  const plain = ({ settings: { shard, ...rest } }: OpenPart): Settings => rest;
  const found = differences(plain(first), plain(part));
  if (found.length > 0) {
    throw usageError(
      `Expected parts made alike but ${part.name} differs from ${first.name}: ${found.join(', ').replaceAll(', now ', ', there ')}.`,
      'Make the parts again with the same model and settings.',
    );
  }
  if (first.shard.count !== part.shard.count) {
    throw usageError(
      `Expected shares of one whole but ${first.name} is one of ${first.shard.count} and ${part.name} one of ${part.shard.count}.`,
    );
  }
}

/** All shares once and of the same list; in the order of their numbers. */
function checkShares(parts: readonly OpenPart[]): readonly OpenPart[] {
  const [first] = parts as [OpenPart];
  const byIndex = new Map<number, OpenPart>();
  for (const part of parts) {
    const other = byIndex.get(part.shard.index);
    if (other !== undefined) {
      throw usageError(
        `Expected each share once but ${other.name} and ${part.name} are both ${part.shard.index}/${part.shard.count}.`,
      );
    }
    byIndex.set(part.shard.index, part);
    if (part.list !== first.list) {
      throw usageError(
        `Expected shares of one list of images but ${part.name} was taken of another than ${first.name}: images came or went meanwhile.`,
        'Write the list to a file once, give all shares --files-from FILE, and make the parts again with --resume.',
      );
    }
  }
  const { count } = first.shard;
  const missing = Array.from({ length: count }, (_, i) => i + 1).filter((index) => !byIndex.has(index));
  if (missing.length > 0) {
    const named = missing.slice(0, MAX_NAMED).map((index) => `${index}/${count}`);
    const more = missing.length > MAX_NAMED ? ` and ${missing.length - MAX_NAMED} more` : '';
    throw usageError(
      `Expected all ${count} shares but ${named.join(', ')}${more} ${missing.length === 1 ? 'is' : 'are'} missing.`,
      'Make the missing part, or name it too.',
    );
  }
  return [...byIndex].sort(([a], [b]) => a - b).map(([, part]) => part);
}

/** Share I of N has the rows I - 1, I - 1 + N, … of the whole. */
async function* interleaved(parts: readonly OpenPart[]) {
  const streams = parts.map((part) => rowsOf(part));
  for (let index = 0; ; index += 1) {
    const next = await streams[index % streams.length]?.next();
    if (next === undefined || next.done) {
      // The first share to end is the shortest: none of the others may have more.
      for (const [i, stream] of streams.entries()) {
        const more = await stream.next();
        if (!more.done) {
          throw usageError(
            `Expected row ${index} in ${parts[index % parts.length]?.name} but it ends before, while ${parts[i]?.name} goes on.`,
          );
        }
      }
      return;
    }
    const { entry } = next.value;
    if (entry.index !== index) {
      throw usageError(
        `Expected row ${index} in ${parts[index % parts.length]?.name} but it has ${entry.index} (${entry.path}).`,
      );
    }
    yield { row: next.value, index };
  }
}

/** Outputs of different images: each path once. */
async function* oneAfterTheOther(parts: readonly OpenPart[]) {
  const owners = new Map<string, OpenPart>();
  let index = 0;
  for (const part of parts) {
    for await (const row of rowsOf(part)) {
      const { path } = row.entry;
      const other = owners.get(path);
      // A list may name an image twice, and then one part has both.
      if (other !== undefined && other !== part) {
        throw usageError(`Expected each image in one part but ${path} is in ${other.name} and in ${part.name}.`);
      }
      owners.set(path, part);
      yield { row, index };
      index += 1;
    }
  }
}

async function* rowsOf({ name, sources }: OpenPart): AsyncGenerator<EarlierRow> {
  for (const source of sources) {
    let place = 0;
    for await (const row of soundRows(source)) {
      if (row.place !== place) break;
      place += 1;
      yield row;
    }
    if (place < source.journal.rows.length) {
      throw usageError(
        `Expected the row of ${source.journal.rows[place]?.path} in ${name} to be what its journal says but it is damaged.`,
        'Type the command that made the part again with --resume.',
      );
    }
  }
}

/** As of a run over all images: sha256 over the paths, each followed by NUL. */
function digestOf(parts: readonly OpenPart[]): string {
  const hash = createHash('sha256');
  for (const { sources } of parts) {
    for (const { journal } of sources) for (const { path } of journal.rows) hash.update(path).update('\0');
  }
  return hash.digest('hex');
}

function count(parts: readonly OpenPart[], of: (source: Source) => number): number {
  return parts.reduce((sum, { sources }) => sum + sources.reduce((rows, source) => rows + of(source), 0), 0);
}
