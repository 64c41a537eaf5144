/** What the name of an output says of its format. */

import { extname } from 'node:path';
import { usageError } from '../../errors.js';
import { COMPRESSED_EXTENSIONS, compressionOf, uncompressedName } from '../files/compression.js';
import { type RowFormat, STORE_FORMATS, type StoreFormat } from './encoder.js';

const BY_EXTENSION: Readonly<Record<string, StoreFormat>> = {
  '.csv': 'csv',
  '.jsonl': 'jsonl',
  '.ndjson': 'jsonl',
  '.npy': 'npy',
  '.parquet': 'parquet',
  '.safetensors': 'safetensors',
};

/** Formats of text, which can be compressed as a whole. */
const TEXT_FORMATS: readonly string[] = ['csv', 'jsonl', 'table'] satisfies RowFormat[];

/** Extensions that promise what no command writes: a name with one is refused rather than filled with something else. */
const FOREIGN: ReadonlySet<string> = new Set(
  [
    // tables and data
    'json geojson tsv tab psv xlsx xlsm xlsb xls ods numbers arrow feather ipc orc avro h5 hdf5 hdf nc mat npz pq pkl',
    'pickle pt pth onnx tfrecord tfrecords db sqlite sqlite3 duckdb mdb sas7bdat dta sav rds rdata msgpack bson cbor xml',
    'yaml yml toml bin',
    // documents and images
    'html htm md pdf tex doc docx ppt pptx svg jpg jpeg png webp gif tif tiff avif bmp heic',
    // compressed otherwise, or twice
    'gz zst bz2 xz lz4 lzma br z snappy zip 7z rar tar tgz tbz2 txz',
  ].flatMap((line) => line.split(' ').map((name) => `.${name}`)),
);

/** The extension that speaks of the format, in lower case: `.csv` of `x.CSV.gz`; empty where there is none. */
export function extensionOf(output: string): string {
  return extname(uncompressedName(output)).toLowerCase();
}

/** The format that a name says; `undefined` where it says none. */
export function formatByName(output: string): StoreFormat | undefined {
  return BY_EXTENSION[extensionOf(output)];
}

/** Whether a name promises a format that none of ours is. */
export function isForeign(output: string): boolean {
  return FOREIGN.has(extensionOf(output));
}

/** The endings of names for formats, in words: `.csv or .npy (also .csv.gz, .csv.zst)`. */
export function endingsOf(formats: readonly string[]): string {
  const plain = formats.map((format) => `.${format}`);
  const compressed = formats
    .filter((format) => TEXT_FORMATS.includes(format))
    .flatMap((format) => COMPRESSED_EXTENSIONS.map((extension) => `.${format}${extension}`));
  const [last = '', ...others] = plain.reverse();
  const names = others.length === 0 ? last : `${others.reverse().join(', ')} or ${last}`;
  return compressed.length === 0 ? names : `${names} (also ${compressed.join(', ')})`;
}

/** Throws USAGE for `x.npy.gz` and the like: only text is compressed. */
export function checkCompression(output: string, format: string): void {
  if (compressionOf(output) === undefined || TEXT_FORMATS.includes(format)) return;
  throw usageError(
    `Expected an --output that ends with ${endingsOf([...STORE_FORMATS])} but received ${output}: ${format} is not compressed.`,
    `Leave ${extname(output)} out: the numbers in it hardly get smaller.`,
  );
}

/** Throws USAGE for a name that promises another format than the one that rows are joined in. */
export function checkName(output: string, format: StoreFormat): void {
  checkCompression(output, format);
  const named = formatByName(output);
  if (named === format || (named === undefined && !isForeign(output))) return;
  throw usageError(
    `Expected an --output that ends with ${endingsOf([format])} since the parts are ${format}, but received ${output}.`,
    'Joining does not change the format.',
  );
}
