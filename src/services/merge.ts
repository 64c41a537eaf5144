/** Join the outputs of shares into what one run would have written. */

import { access } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { usageError } from '../errors.js';
import { type Manifest, readManifest } from '../output/dataset/manifest.js';
import { type DatasetFormat, partLayout } from '../output/dataset/parts.js';
import { DatasetWriter, earlierParts } from '../output/dataset/writer.js';
import { isFolder, nearestFolder } from '../output/files/exists.js';
import { outputTarget, resolveOutput } from '../output/files/links.js';
import { Scratch } from '../output/files/scratch.js';
import { STORE_FORMATS } from '../output/rows/encoder.js';
import { checkName } from '../output/rows/extensions.js';
import { Earlier } from '../output/store/earlier.js';
import { layoutOf } from '../output/store/formats.js';
import { journalPath } from '../output/store/layout.js';
import { finishedJournal, type Joined, joinParts, type PartInput } from '../output/store/parts.js';
import { type RunRecord, recordedModel } from '../output/store/run-record.js';
import { Store, type StoreRow } from '../output/store/store.js';
import type { RunCounts } from './pipeline/run.js';

export interface MergeOptions {
  /** Files or datasets, all of one kind. */
  readonly parts: readonly string[];
  /** A file, or the folder of a dataset. */
  readonly output: string;
  /** Replace what is there. */
  readonly force: boolean;
  /** Keep what is there as far as it is right. */
  readonly resume: boolean;
  /** Aborted: ends after the rows in hand, without an output. */
  readonly signal: AbortSignal;
}

export type MergeEvent =
  /** Once, when all parts are known to belong together. */
  | { readonly type: 'ready'; readonly total: number; readonly format: string; readonly model: RunRecord['model'] }
  | { readonly type: 'rows'; readonly counts: Readonly<RunCounts> }
  /** Once, at the end; `changed` is false when the output was there already. */
  | { readonly type: 'done'; readonly changed: boolean; readonly list: string };

/** Rows written at a time. */
const BATCH_ROWS = 64;

/** Where joined rows go. */
interface Target {
  readonly append: (rows: readonly StoreRow[]) => Promise<void>;
  readonly finish: (list: string) => Promise<boolean>;
  readonly abandon: () => Promise<unknown>;
  readonly earlier: Earlier | undefined;
}

/** Reads, checks and writes. Throws USAGE for parts that do not make a whole. */
export async function* merge(options: MergeOptions): AsyncGenerator<MergeEvent, void> {
  const isDataset = await isFolder(options.parts[0] ?? '');
  const { inputs, format, model, beside, open } = await (isDataset ? datasets(options) : files(options));
  const scratch = new Scratch(beside);
  let joined: Joined | undefined;
  let target: Target | undefined;
  let earlier: Earlier | undefined;
  try {
    joined = await joinParts(inputs, scratch, options.signal);
    yield { type: 'ready', total: joined.rows, format, model };
    target = await open(joined);
    earlier = target.earlier;
    const counts: RunCounts = { seen: 0, ok: 0, failed: 0, skipped: 0 };
    let batch: StoreRow[] = [];
    const flush = async () => {
      await target?.append(batch);
      batch = [];
    };
    for await (const { row, index } of joined.ordered()) {
      if (options.signal.aborted) break;
      const { path, identity, hash, error } = row.entry;
      const there = earlier?.take(path, identity, index);
      const kept = there?.entry.index === index && there.entry.hash === hash ? there : row;
      batch.push({ path, index, kept });
      counts.seen += 1;
      if (error === undefined) counts.ok += 1;
      else counts.failed += 1;
      if (batch.length < BATCH_ROWS) continue;
      await flush();
      yield { type: 'rows', counts: { ...counts } };
    }
    if (options.signal.aborted) return;
    await flush();
    yield { type: 'rows', counts: { ...counts } };
    const changed = await target.finish(joined.list);
    await earlier?.cleanUp();
    target = undefined;
    yield { type: 'done', changed, list: joined.list };
  } catch (error) {
    // What is unpacked when the signal comes is given up with an error of its own.
    if (joined !== undefined || !options.signal.aborted) throw error;
  } finally {
    await target?.abandon();
    await earlier?.close();
    await joined?.close();
    await scratch.dispose();
  }
}

interface Plan {
  readonly inputs: readonly (PartInput & { readonly list?: string })[];
  readonly format: string;
  readonly model: RunRecord['model'];
  /** Where what is unpacked may lie: a path in a folder that is there, beside the output. */
  readonly beside: string;
  readonly open: (joined: Pick<Joined, 'settings' | 'head'>) => Promise<Target>;
}

const WHOLE = { index: 1, count: 1 };

async function files({ parts, output, force, resume }: MergeOptions): Promise<Plan> {
  const places = await Promise.all(parts.map(placeOf));
  const journals = await Promise.all(parts.map((part, i) => finishedJournal(part, places[i] as string)));
  const formats = journals.map(({ header }) => STORE_FORMATS.find((known) => known === header.format));
  const [format] = formats;
  const other = formats.findIndex((each) => each === undefined || each !== format);
  if (format === undefined || other >= 0) {
    const [first, second] = [0, Math.max(0, other)].map((i) => `${parts[i]} is ${journals[i]?.header.format}`);
    throw usageError(
      `Expected parts of one format (${STORE_FORMATS.join(', ')}) but ${[...new Set([first, second])].join(' and ')}.`,
    );
  }
  checkName(output, format);
  const layouts = journals.map(({ header }, i) => layoutOf(format, places[i] as string, header.arrays));
  const layout = layoutOf(format, await outputTarget(output), journals[0]?.header.arrays ?? []);
  return {
    inputs: layouts.map((each, i) => ({ name: parts[i] as string, layouts: [each] })),
    format,
    model: await recordedModel(parts[0] as string),
    beside: layout.target,
    async open({ settings, head }) {
      const earlier = resume ? new Earlier({ retryFailed: false }) : undefined;
      await earlier?.add(layout, settings).catch(async (error: unknown) => {
        await earlier.close();
        throw error;
      });
      const store = new Store({ layout, settings, shard: WHOLE, head, replace: force || resume });
      return {
        append: (rows) => store.append(rows),
        finish: (list) => store.finish(list),
        abandon: () => store.abandon({ keep: false }),
        earlier,
      };
    },
  };
}

async function datasets({ parts, output, force, resume }: MergeOptions): Promise<Plan> {
  const found = await Promise.all(parts.map(async (part) => ({ part, manifest: await readManifest(part) })));
  const unfinished = found.find(({ manifest }) => !manifest.complete);
  if (unfinished !== undefined) {
    throw usageError(
      `Expected ${unfinished.part} to be complete but its manifest says that it is not.`,
      'Type the command that made it again with --resume.',
    );
  }
  const [first] = found as [(typeof found)[number]];
  const formatOf = (folder: string, { schema }: Manifest): DatasetFormat => ({
    folder: resolve(folder),
    rows: schema.rows.format,
    embeddings: schema.embeddings.format,
    topK: schema.rows.columns.filter(({ name }) => /^class_\d+$/.test(name)).length,
    layers: schema.embeddings.layers,
  });
  const format = formatOf(output, first.manifest);
  const { model } = first.manifest;
  return {
    inputs: found.map(({ part, manifest }) => ({
      name: part,
      layouts: manifest.parts.map((_, i) => partLayout(formatOf(part, manifest), i)),
      ...(manifest.inputs === null ? {} : { list: manifest.inputs }),
    })),
    format: `${format.rows}, embeddings ${format.embeddings}`,
    model: {
      name: model.name,
      sha256: model.sha256,
      preset: model.preset.name,
      classes: model.labels?.length ?? null,
    },
    beside: join(await nearestFolder(dirname(resolve(output))), basename(resolve(output))),
    async open({ settings }) {
      const earlier = resume ? await earlierParts(format, settings, { retryFailed: false }) : undefined;
      const shardRows = Number(settings['shard-rows']);
      if (!Number.isSafeInteger(shardRows) || shardRows < 1) {
        throw usageError(`Expected parts of at least one row in ${first.part} but its journal says otherwise.`);
      }
      const replace = force || resume;
      const writer = new DatasetWriter({ format, shardRows, settings, shard: WHOLE, model, replace });
      return {
        append: (rows) => writer.append(rows),
        finish: (list) => writer.finish(list),
        abandon: () => writer.abandon({ keep: true }),
        earlier,
      };
    },
  };
}

/** Where a part is: the journal lies beside the name, or beside what the name, a link, leads to. */
async function placeOf(part: string): Promise<string> {
  const path = resolve(part);
  const isBeside = await access(journalPath(path)).then(
    () => true,
    () => false,
  );
  return isBeside ? path : resolveOutput(path);
}
