/** The files of a dataset: a folder for the rows, one for each layer, one for the journals; a part is a file in each. */

import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ArraySpec } from '../arrays/spec.js';
import type { RowEncoder } from '../rows/encoder.js';
import { reindexJsonl } from '../rows/jsonl.js';
import { finalsOf, journalPath, type Layout } from '../store/layout.js';
import { parquetLayout, tableText } from '../store/parquet-layout.js';
import type { EmbeddingFormat, RowFileFormat } from './formats.js';
import { type DatasetRow, datasetCells, datasetColumns, datasetCsv, datasetJsonl, reindexDatasetCsv } from './rows.js';

/** All that the files of a dataset depend on. */
export interface DatasetFormat {
  readonly folder: string;
  readonly rows: RowFileFormat;
  readonly embeddings: EmbeddingFormat;
  /** Classes a row has columns for. */
  readonly topK: number;
  readonly layers: readonly ArraySpec[];
}

/** Digits of a part's number: names sort in order up to 100,000 parts. */
const PART_DIGITS = 5;

export function partName(part: number): string {
  return `part-${String(part).padStart(PART_DIGITS, '0')}`;
}

/** Folders of a dataset, to be made before its parts; first the one by which a dataset is known that has no part yet. */
export function datasetFolders({ folder, embeddings, layers }: DatasetFormat): readonly string[] {
  const arrays = embeddings === 'npy' ? layers.map(({ name }) => join(folder, name)) : [];
  return [join(folder, JOURNALS), join(folder, 'rows'), ...arrays];
}

const JOURNALS = 'journal';

export function partLayout(format: DatasetFormat, part: number): Layout {
  const { folder, rows, embeddings, topK, layers } = format;
  const name = partName(part);
  // Not a file itself: where the part's journal and its unfinished files are called after.
  const target = join(folder, JOURNALS, name);
  const rowsFile = join(folder, 'rows', `${name}.${rows}`);
  const arrays = layers.map((spec) => ({
    spec,
    final: embeddings === 'npy' ? join(folder, spec.name, `${name}.npy`) : null,
  }));
  const common = { target, format: `dataset ${rows} ${embeddings}`, arrays };
  if (rows !== 'parquet') {
    const reindex = rows === 'csv' ? reindexDatasetCsv : reindexJsonl;
    return { ...common, textFinal: rowsFile, packs: [], reindex };
  }
  const columns = datasetColumns(topK);
  const packed = parquetLayout(rowsFile, columns, embeddings === 'parquet' ? layers : []);
  return { ...packed, ...common };
}

export function datasetText({ rows, topK }: DatasetFormat): RowEncoder<DatasetRow> {
  switch (rows) {
    case 'csv':
      return datasetCsv(topK);
    case 'jsonl':
      return datasetJsonl();
    case 'parquet':
      return tableText(datasetColumns(topK), (row: DatasetRow) => datasetCells(row, topK));
  }
}

/** Numbers of the parts that have a journal, finished or not, in order. */
export async function partsIn(folder: string): Promise<readonly number[]> {
  const names = await readdir(join(folder, JOURNALS)).catch(() => []);
  const numbers = names.flatMap((name) => {
    const [, number] = /^part-(\d{5,})\.(?:[0-9a-f]{8}\.)?journal$/.exec(name) ?? [];
    return number === undefined ? [] : [Number(number)];
  });
  return [...new Set(numbers)].sort((a, b) => a - b);
}

/** Deletes a part of before that the dataset no longer has. */
export async function removePart(format: DatasetFormat, part: number): Promise<void> {
  const layout = partLayout(format, part);
  for (const file of [...finalsOf(layout), journalPath(layout.target)]) await rm(file, { force: true });
}
