/** Activations as text: CSV with a column a number, JSON lines with an array a layer. */

import { float16ToFloat32 } from '../../floats.js';
import { csvEncoder } from './csv.js';
import type { RowEncoder } from './encoder.js';
import { RECORD_VERSION } from './jsonl.js';
import { shortestFloat32 } from './numbers.js';
import type { ExtractRow, LayerValues } from './records.js';

/** Digits of a column's number, at least: `fc7_0000`. */
const COLUMN_DIGITS = 4;

/** `path,status,error,fc7_0000…fc7_4095`, layer after layer; a failed image's numbers are empty. */
export function extractCsv(layers: readonly Pick<LayerValues, 'layer' | 'shape'>[]): RowEncoder<ExtractRow> {
  const columns = layers.flatMap(({ layer, shape }) => {
    const length = lengthOf(shape);
    const digits = Math.max(COLUMN_DIGITS, String(length - 1).length);
    return Array.from({ length }, (_, i) => `${layer}_${String(i).padStart(digits, '0')}`);
  });
  const blank = columns.map(() => '');
  return csvEncoder(['path', 'status', 'error', ...columns], (row) =>
    row.status === 'error'
      ? [[row.path, row.status, `${row.error.code}: ${row.error.message}`, ...blank]]
      : [[row.path, row.status, '', ...row.layers.flatMap(numbers)]],
  );
}

/** One line a layer of an image; an array has the layer's shape, flattened. */
export function extractJsonl(): RowEncoder<ExtractRow> {
  const toObjects = (row: ExtractRow): object[] => {
    const { path, index, status } = row;
    const start = { v: RECORD_VERSION, path, index, status };
    if (row.status === 'error') return [{ ...start, error: { code: row.error.code, message: row.error.message } }];
    return row.layers.map((each) => ({ ...start, layer: each.layer, shape: each.shape, embedding: numbers(each) }));
  };
  return {
    header: () => '',
    encode: (rows) =>
      rows
        .flatMap(toObjects)
        .map((object) => `${JSON.stringify(object)}\n`)
        .join(''),
  };
}

function numbers({ values }: LayerValues): number[] {
  const singles = values instanceof Uint16Array ? float16ToFloat32(values) : values;
  return Array.from(singles, shortestFloat32);
}

function lengthOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}
