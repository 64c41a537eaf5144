/** Rows to a stream that others read, or to an output of its own files. */

import type { ModelCard } from '../../network/card.js';
import { outputTarget } from '../../output/files/links.js';
import type { RowEncoder } from '../../output/rows/encoder.js';
import type { FailedRow, RowBase } from '../../output/rows/records.js';
import { Earlier } from '../../output/store/earlier.js';
import type { Settings } from '../../output/store/journal.js';
import { finalsOf, type Layout } from '../../output/store/layout.js';
import { type RowCodec, storeWriter } from '../../output/store/row-writer.js';
import { runRecordPath } from '../../output/store/run-record.js';
import { Store } from '../../output/store/store.js';
import type { RunIdentity } from '../../services/pipeline/run.js';
import { resolvedShard, type ShardRequest } from '../flags/shard.js';
import { openStream } from './options.js';
import type { RunOutput } from './run-output.js';
import { runSettings, type ValueFlags } from './settings.js';
import { type ContinuationFlags, checkOutputFiles, type StoredOutputOptions, storedOutput } from './stored.js';

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

export interface RowOutputOptions<Row> {
  readonly command: string;
  readonly format: string;
  readonly flags: ContinuationFlags &
    ValueFlags & { readonly output: string; readonly shard?: ShardRequest | undefined };
  /** Rows as text, for stdout, a pipe or a device; none for a format that only files can have. */
  readonly encoder: ((card: ModelCard) => RowEncoder<Row | FailedRow>) | undefined;
  /** What the format is in the file `target`. */
  readonly formatFor: (card: ModelCard, target: string) => StoredFormat<Row>;
  /** The command's own flags that change values. */
  readonly settings: Settings;
  /** Is called when nobody reads the stream any more. */
  readonly onClosed: () => void;
}

/** Opens what --output says. */
export async function rowOutput<Row extends RowBase>(options: RowOutputOptions<Row>): Promise<RunOutput<Row>> {
  const { command, format, flags, encoder, formatFor, settings, onClosed } = options;
  const stream = encoder && (await openStream(flags.output, format, encoder, onClosed));
  if (stream !== undefined) return stream;
  const target = await outputTarget(flags.output);
  return fileOutput<Row>({
    file: flags.output,
    format,
    flags,
    shard: resolvedShard(flags.shard),
    formatFor: (card) => formatFor(card, target),
    settings: (run) => ({ ...runSettings(command, run, flags), ...settings }),
  });
}

export interface FileOutputOptions<Row>
  extends Pick<StoredOutputOptions<Row>, 'file' | 'format' | 'flags' | 'shard' | 'settings'> {
  readonly formatFor: (card: RunIdentity['card']) => StoredFormat<Row>;
}

export function fileOutput<Row extends RowBase>({ formatFor, ...options }: FileOutputOptions<Row>): RunOutput<Row> {
  return storedOutput<Row>({
    ...options,
    record: runRecordPath(options.file),
    async earlier(card, settings, { retryFailed }) {
      const earlier = new Earlier({ retryFailed });
      try {
        await earlier.add(formatFor(card).layout, settings);
        return earlier;
      } catch (error) {
        await earlier.close();
        throw error;
      }
    },
    async begin(card) {
      const { layout, head, ...codec } = formatFor(card);
      await checkOutputFiles(finalsOf(layout), options.flags);
      return (_, opened) => storeWriter<Row>(new Store({ layout, head, ...opened }), codec);
    },
  });
}
