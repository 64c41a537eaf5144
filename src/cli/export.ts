/** `vgg16 export`: flags → options → service → a dataset. */

import { join } from 'node:path';
import { type ExitCode, usageError } from '../errors.js';
import type { ModelCard } from '../network/card.js';
import type { LayerOutput } from '../network/output-request.js';
import type { EmbeddingFormat, RowFileFormat } from '../output/dataset/formats.js';
import type { DatasetFormat } from '../output/dataset/parts.js';
import type { DatasetOkRow } from '../output/dataset/rows.js';
import { DatasetWriter, earlierParts } from '../output/dataset/writer.js';
import { resolveOutput } from '../output/files/links.js';
import type { Earlier } from '../output/store/earlier.js';
import { lazyWriter } from '../output/store/row-writer.js';
import { classesOf, exportImages } from '../services/export.js';
import { layerSpecs } from '../services/extract.js';
import type { RunIdentity } from '../services/pipeline/run.js';
import type { CommandContext } from './command/context.js';
import { type LayerFlags, layerSettings, layersOf } from './extract.js';
import { resolvedShard } from './flags/shard.js';
import { checkDatasetFolder } from './output/dataset-folder.js';
import { continues, vanishedNotice } from './output/file.js';
import { STDOUT } from './output/options.js';
import type { RunOutput } from './output/run-output.js';
import { type ImageRunFlags, runImages } from './run/image-run.js';
import { runSettings } from './run/settings.js';

export interface ExportFlags extends ImageRunFlags, LayerFlags {
  readonly format: RowFileFormat;
  readonly embeddings: EmbeddingFormat;
  readonly 'shard-rows': number;
  readonly 'top-k': number;
}

export async function runExport(
  inputs: readonly string[],
  flags: ExportFlags,
  context: CommandContext,
): Promise<ExitCode> {
  checkFlags(flags);
  await checkDatasetFolder(flags.output, flags);
  const folder = await resolveOutput(flags.output);
  const layers = flags.embeddings === 'none' ? [] : layersOf(flags);
  return runImages<DatasetOkRow>({
    command: 'export',
    inputs,
    flags,
    context,
    onTerminal: false,
    output: async () => datasetOutput(folder, layers, flags),
    events: (options) => exportImages({ ...options, topK: flags['top-k'], layers }),
  });
}

function checkFlags({ output, embeddings, format, layer }: ExportFlags): void {
  if (output === STDOUT) {
    throw usageError('Expected --output DIR, the folder of the dataset, but received none.', 'Add -o dataset/.');
  }
  if (embeddings === 'parquet' && format !== 'parquet') {
    throw usageError(
      `Expected --format parquet with --embeddings parquet, which are columns of the rows, but received ${format}.`,
      'Use --embeddings npy.',
    );
  }
  if (embeddings === 'none' && layer !== undefined) {
    throw usageError('Expected --layer or --embeddings none but received both.', 'Leave one of them out.');
  }
}

function datasetOutput(folder: string, layers: readonly LayerOutput[], flags: ExportFlags): RunOutput<DatasetOkRow> {
  const shard = resolvedShard(flags.shard) ?? { index: 1, count: 1 };
  const formatFor = (card: ModelCard): DatasetFormat => ({
    folder,
    rows: flags.format,
    embeddings: flags.embeddings,
    topK: classesOf(card, flags['top-k']),
    layers: layerSpecs(card, layers).map(({ name, shape }) => ({ name, shape, dtype: flags.dtype })),
  });
  const settingsOf = (run: RunIdentity) => ({
    ...runSettings('export', run, flags),
    'top-k': flags['top-k'],
    ...layerSettings(layers, flags),
    'shard-rows': flags['shard-rows'],
    shard: `${shard.index}/${shard.count}`,
  });
  let earlier: Earlier | undefined;
  return {
    file: flags.output,
    format: `${flags.format}, embeddings ${flags.embeddings}`,
    record: join(folder, 'run.json'),
    ...(continues(flags)
      ? {
          earlier: async (run) => {
            const options = { retryFailed: flags['retry-failed'] === true };
            earlier = await earlierParts(formatFor(run.card), settingsOf(run), options);
            return earlier;
          },
        }
      : {}),
    async open({ card, modelHash, settings }) {
      const opened = async () => {
        const sha256 = await modelHash;
        return new DatasetWriter({
          format: formatFor(card),
          shardRows: flags['shard-rows'],
          settings: settingsOf({ card, modelHash: sha256, settings }),
          shard,
          model: {
            name: card.name,
            sha256,
            preset: card.preset,
            labels: card.labels,
            license: card.license,
            source: card.source,
          },
          replace: flags.force === true || continues(flags),
        });
      };
      return lazyWriter(opened);
    },
    async close({ complete }) {
      await earlier?.close();
      if (!complete || earlier === undefined) return [];
      await earlier.cleanUp();
      return vanishedNotice(earlier.vanished());
    },
  };
}
