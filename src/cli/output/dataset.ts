/** Rows to a dataset: a folder of parts. */

import { join } from 'node:path';
import type { ModelCard } from '../../network/card.js';
import type { DatasetFormat } from '../../output/dataset/parts.js';
import type { DatasetOkRow } from '../../output/dataset/rows.js';
import { DatasetWriter, earlierParts } from '../../output/dataset/writer.js';
import type { Settings } from '../../output/store/journal.js';
import type { RunIdentity } from '../../services/pipeline/run.js';
import { resolvedShard, type ShardRequest } from '../flags/shard.js';
import type { RunOutput } from './run-output.js';
import { type ContinuationFlags, storedOutput } from './stored.js';

export interface DatasetOutputOptions {
  /** As it is found after links were followed. */
  readonly folder: string;
  readonly flags: ContinuationFlags & {
    readonly output: string;
    readonly format: string;
    readonly embeddings: string;
    readonly shard?: ShardRequest | undefined;
    readonly 'shard-rows': number;
  };
  readonly formatFor: (card: ModelCard) => DatasetFormat;
  readonly settings: (run: RunIdentity) => Settings;
}

export function datasetOutput({ folder, flags, formatFor, settings }: DatasetOutputOptions): RunOutput<DatasetOkRow> {
  return storedOutput<DatasetOkRow>({
    file: flags.output,
    format: `${flags.format}, embeddings ${flags.embeddings}`,
    record: join(folder, 'run.json'),
    flags,
    shard: resolvedShard(flags.shard),
    settings,
    earlier: (card, made, options) => earlierParts(formatFor(card), made, options),
    begin: async () => (run, options) => {
      const { card, modelHash: sha256 } = run;
      const { name, preset, labels, license, source } = card;
      const model = { name, sha256, preset, labels, license, source };
      return new DatasetWriter({ format: formatFor(card), shardRows: flags['shard-rows'], model, ...options });
    },
  });
}
