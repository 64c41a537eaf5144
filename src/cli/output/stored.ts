/** An output that is kept, files or a dataset: begun anew, or continued from what earlier runs left. */

import type { ModelCard } from '../../network/card.js';
import { checkOutput } from '../../output/files/check-output.js';

import { compressionOf } from '../../output/files/compression.js';
import { loadZstd } from '../../output/files/zstd.js';
import type { FailedRow } from '../../output/rows/records.js';
import type { Earlier } from '../../output/store/earlier.js';
import type { Settings } from '../../output/store/journal.js';
import { lazyWriter, type RowWriter } from '../../output/store/row-writer.js';
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

export function continues(flags: ContinuationFlags): boolean {
  return flags.resume === true || flags['retry-failed'] === true;
}

/** Throws what opening `finals` would throw, before work that would be lost. */
export async function checkOutputFiles(finals: readonly string[], flags: ContinuationFlags): Promise<void> {
  const force = flags.force === true || continues(flags);
  for (const final of finals) {
    await checkOutput(final, { force });
    if (compressionOf(final) === 'zstd') await loadZstd();
  }
}

/** What a writer is opened with. */
export interface WriterOptions {
  /** What the rows are made with. */
  readonly settings: Settings;
  readonly shard: Shard;
  /** Whether what is there may be replaced. */
  readonly replace: boolean;
}

export interface StoredOutputOptions<Row> extends Pick<RunOutput<Row>, 'file' | 'format' | 'record'> {
  readonly flags: ContinuationFlags;
  /** `undefined` where no share of the inputs was asked for. */
  readonly shard: Shard | undefined;
  /** What the rows are made with, but for the share. */
  readonly settings: (run: RunIdentity) => Settings;
  /** Reads what earlier runs left. Leaves nothing open when it throws. */
  readonly earlier: (
    card: ModelCard,
    settings: Settings,
    options: { readonly retryFailed: boolean },
  ) => Promise<Earlier>;
  /** Checks what can be checked once the model is known; the writer itself is opened with the first row. */
  readonly begin: (
    card: ModelCard,
  ) => Promise<(run: RunIdentity, options: WriterOptions) => RowWriter<Row | FailedRow>>;
}

export function storedOutput<Row>(options: StoredOutputOptions<Row>): RunOutput<Row> {
  const { file, format, record, flags, shard = { index: 1, count: 1 } } = options;
  // Another share of the inputs in the same place would take this one's.
  const settingsOf = (run: RunIdentity) => ({ ...options.settings(run), shard: `${shard.index}/${shard.count}` });
  const replace = flags.force === true || continues(flags);
  let earlier: Earlier | undefined;
  return {
    file,
    format,
    ...(record === undefined ? {} : { record }),
    ...(continues(flags)
      ? {
          earlier: async (run) => {
            const retryFailed = flags['retry-failed'] === true;
            earlier = await options.earlier(run.card, settingsOf(run), { retryFailed });
            return earlier;
          },
        }
      : {}),
    async open({ card, modelHash, settings }) {
      const writer = await options.begin(card);
      return lazyWriter(async () => {
        const run = { card, modelHash: await modelHash, settings };
        return writer(run, { settings: settingsOf(run), shard, replace });
      });
    },
    async close({ complete }) {
      if (earlier === undefined) return [];
      await earlier.close();
      if (!complete) return [];
      await earlier.cleanUp();
      return vanishedNotice(earlier.vanished());
    },
  };
}

/** Images that are no longer there, named in a notice; more are counted. */
const MAX_NAMED = 3;

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
