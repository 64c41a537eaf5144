/** An output of its own files: begun anew, or continued from what earlier runs left. */

import { checkOutput } from '../../output/files/atomic.js';
import { compressionOf } from '../../output/files/compression.js';
import { loadZstd } from '../../output/files/zstd.js';
import type { RowEncoder } from '../../output/rows/encoder.js';
import type { FailedRow, RowBase } from '../../output/rows/records.js';
import { runRecordPath } from '../../output/run-record.js';
import { Earlier } from '../../output/store/earlier.js';
import type { Settings } from '../../output/store/journal.js';
import { finalsOf, type Layout } from '../../output/store/layout.js';
import { lazyWriter, type RowCodec, storeWriter } from '../../output/store/row-writer.js';
import { Store } from '../../output/store/store.js';
import type { RunIdentity } from '../../services/pipeline/run.js';
import type { Shard } from '../flags/shard.js';
import { formatCount } from '../terminal/rate.js';
import type { RunOutput } from './run-output.js';

/** The flags that say what becomes of an output that is there already. */
export interface ContinuationFlags {
  readonly force?: boolean | undefined;
  readonly resume?: boolean | undefined;
  readonly 'retry-failed'?: boolean | undefined;
}

/** What a format is for one model: which files, and what a row is in them. */
export interface StoredFormat<Row> extends RowCodec<Row> {
  readonly layout: Layout;
  /** Text before the first row. */
  readonly head: string;
}

/** A format of text: a row is what an encoder makes of it. */
export function textFormat<Row>(layout: Layout, rows: RowEncoder<Row | FailedRow>): StoredFormat<Row> {
  return {
    layout,
    head: rows.header(),
    encode: (row) => ({ text: rows.encode([row]), arrays: [] }),
    ...(rows.fitTo === undefined ? {} : { fitTo: rows.fitTo }),
  };
}

export interface FileOutputOptions<Row> {
  /** As it was typed. */
  readonly file: string;
  readonly format: string;
  readonly flags: ContinuationFlags;
  readonly shard: Shard | undefined;
  readonly formatFor: (card: RunIdentity['card']) => StoredFormat<Row>;
  readonly settings: (run: RunIdentity) => Settings;
}

/** Images that are no longer there, named in a notice; more are counted. */
const MAX_NAMED = 3;

export function continues(flags: ContinuationFlags): boolean {
  return flags.resume === true || flags['retry-failed'] === true;
}

/** Throws what opening `finals` would throw, before work that would be lost. */
export async function checkOutputs(finals: readonly string[], flags: ContinuationFlags): Promise<void> {
  const force = flags.force === true || continues(flags);
  for (const final of finals) {
    await checkOutput(final, { force });
    if (compressionOf(final) === 'zstd') await loadZstd();
  }
}

export function fileOutput<Row extends RowBase>(options: FileOutputOptions<Row>): RunOutput<Row> {
  const { file, format, flags, formatFor, settings } = options;
  const shard = options.shard ?? { index: 1, count: 1 };
  // Another share of the inputs in the same file would take its place.
  const settingsOf = (run: RunIdentity) => ({ ...settings(run), shard: `${shard.index}/${shard.count}` });
  let earlier: Earlier | undefined;
  const open: RunOutput<Row>['open'] = async ({ card, modelHash, settings: run }) => {
    const { layout, head, ...codec } = formatFor(card);
    await checkOutputs(finalsOf(layout), flags);
    const replace = flags.force === true || continues(flags);
    const opened = async () => {
      const made = settingsOf({ card, modelHash: await modelHash, settings: run });
      return storeWriter<Row>(new Store({ layout, settings: made, shard, head, replace }), codec);
    };
    return lazyWriter(opened);
  };
  return {
    file,
    format,
    record: runRecordPath(file),
    ...(continues(flags)
      ? {
          earlier: async (run) => {
            earlier = new Earlier({ retryFailed: flags['retry-failed'] === true });
            await earlier.add(formatFor(run.card).layout, settingsOf(run));
            return earlier;
          },
        }
      : {}),
    open,
    async close({ complete }) {
      if (earlier === undefined) return [];
      await earlier.close();
      if (!complete) return [];
      await earlier.cleanUp();
      return vanishedNotice(earlier.vanished());
    },
  };
}

/** Tells of images that earlier runs have and this one was not asked for. */
export function vanishedNotice(paths: readonly string[]): string[] {
  if (paths.length === 0) return [];
  const named = paths.slice(0, MAX_NAMED).join(', ');
  const more = paths.length > MAX_NAMED ? ` and ${formatCount(paths.length - MAX_NAMED)} more` : '';
  const [images, are] = paths.length === 1 ? ['image', 'is'] : ['images', 'are'];
  return [
    `${formatCount(paths.length)} ${images} of the earlier run ${are} no longer among the inputs and left out: ${named}${more}.`,
  ];
}
