/** The formats that activations are written in, and what a row is in each. */

import { usageError } from '../../errors.js';
import type { ArrayDType } from '../../output/arrays/spec.js';
import { type RowEncoder, STORE_FORMATS, type StoreFormat } from '../../output/rows/encoder.js';
import { checkCompression, endingsOf, formatByName } from '../../output/rows/extensions.js';
import { extractCsv, extractJsonl } from '../../output/rows/extract-text.js';
import { pathsList } from '../../output/rows/paths.js';
import type { ExtractedRow, ExtractRow } from '../../output/rows/records.js';
import { layoutOf } from '../../output/store/formats.js';
import { parquetText } from '../../output/store/parquet-layout.js';
import type { LayerSpec } from '../../services/extract.js';
import { type StoredFormat, textFormat } from './file.js';
import { STDOUT } from './options.js';

/** `--format`, else by the output's extension; CSV on stdout. Throws USAGE for an extension that promises another. */
export function extractFormatOf(format: StoreFormat | undefined, output: string): StoreFormat {
  const known = format ?? (output === STDOUT ? 'csv' : formatByName(output));
  if (known === undefined) {
    throw usageError(
      `Expected an --output that ends with ${endingsOf(STORE_FORMATS)} but received ${output}.`,
      `Add --format ${STORE_FORMATS.join('|')}.`,
    );
  }
  checkCompression(output, known);
  return known;
}

/** Rows in the formats that others can read while they grow: the ones for stdout, pipes and devices. */
export function textEncoder(format: 'csv' | 'jsonl', layers: readonly LayerSpec[]): RowEncoder<ExtractRow> {
  return format === 'jsonl' ? extractJsonl() : extractCsv(layers.map(({ name, shape }) => ({ layer: name, shape })));
}

/** What a row is in a file of one format. */
export function extractFormat(
  format: StoreFormat,
  target: string,
  layers: readonly LayerSpec[],
  dtype: ArrayDType,
): StoredFormat<ExtractedRow> {
  if (format === 'csv' || format === 'jsonl')
    return textFormat(layoutOf(format, target, []), textEncoder(format, layers));
  const specs = layers.map(({ name, shape }) => ({ name, shape, dtype }));
  const text: RowEncoder<ExtractRow> = format === 'parquet' ? parquetText() : pathsList();
  return {
    layout: layoutOf(format, target, specs),
    head: text.header(),
    encode: (row) => ({ text: text.encode([row]), arrays: arraysOf(row) }),
  };
}

/** The bytes of a row's numbers, an array a layer. */
function arraysOf(row: ExtractRow): readonly Uint8Array[] | null {
  if (row.status === 'error') return null;
  return row.layers.map(({ values }) => new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
}
