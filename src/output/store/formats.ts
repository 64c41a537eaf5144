/** From the name of a format to the files that it is made of. */

import type { ArraySpec } from '../arrays/spec.js';
import type { StoreFormat } from '../rows/encoder.js';
import { reindexJsonl } from '../rows/jsonl.js';
import { type Layout, npyLayout, safetensorsLayout, textLayout } from './layout.js';
import { extractParquetLayout } from './parquet-layout.js';

/** The layout of `target`; `arrays` are empty where all is text. */
export function layoutOf(format: StoreFormat, target: string, arrays: readonly ArraySpec[]): Layout {
  switch (format) {
    case 'csv':
      return textLayout(target, format);
    case 'jsonl':
      return textLayout(target, format, reindexJsonl);
    case 'npy':
      return npyLayout(target, arrays);
    case 'safetensors':
      return safetensorsLayout(target, arrays, {});
    case 'parquet':
      return extractParquetLayout(target, arrays);
  }
}
