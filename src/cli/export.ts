/** `vgg16 export`: flags → options → service → a dataset. */

import { type ExitCode, usageError } from '../errors.js';
import type { EmbeddingFormat, RowFileFormat } from '../output/dataset/formats.js';
import type { DatasetOkRow } from '../output/dataset/rows.js';
import { resolveOutput } from '../output/files/links.js';
import { classesOf, exportImages } from '../services/export.js';
import { layerSpecs } from '../services/extract.js';
import type { CommandContext } from './command/context.js';
import { type LayerFlags, layerSettings, layersOf } from './extract.js';
import { datasetOutput } from './output/dataset.js';
import { checkDatasetFolder } from './output/dataset-folder.js';
import { STDOUT } from './output/options.js';
import { runSettings } from './output/settings.js';
import { type ImageRunFlags, runImages } from './run/image-run.js';

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
    output: async () =>
      datasetOutput({
        folder,
        flags,
        formatFor: (card) => ({
          folder,
          rows: flags.format,
          embeddings: flags.embeddings,
          topK: classesOf(card, flags['top-k']),
          layers: layerSpecs(card, layers).map(({ name, shape }) => ({ name, shape, dtype: flags.dtype })),
        }),
        settings: (run) => ({
          ...runSettings('export', run, flags),
          'top-k': flags['top-k'],
          ...layerSettings(layers, flags),
          'shard-rows': flags['shard-rows'],
        }),
      }),
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
