/** The output group's flags → a format and a sink. */

import { extname } from 'node:path';
import { usageError } from '../errors.js';
import { openOutput } from '../output/atomic.js';
import type { RowFormat } from '../output/encoder.js';
import type { Sink } from '../output/sink.js';
import { streamSink } from '../output/stream-sink.js';

/** `--output -` */
export const STDOUT = '-';

const BY_EXTENSION: Readonly<Record<string, RowFormat>> = { '.csv': 'csv', '.jsonl': 'jsonl', '.ndjson': 'jsonl' };

/** Extensions that promise something else than CSV: refused rather than filled with it. */
const OTHER_FORMATS = ['.json', '.tsv', '.xlsx', '.xls', '.parquet', '.npy', '.npz', '.arrow', '.html', '.md'];

/** `--format`, else by the output's extension, else a table on a terminal and CSV elsewhere. */
export function formatOf(format: RowFormat | undefined, output: string, isTerminal: boolean): RowFormat {
  if (format !== undefined) return format;
  if (output === STDOUT) return isTerminal ? 'table' : 'csv';
  const extension = extname(output).toLowerCase();
  if (OTHER_FORMATS.includes(extension)) {
    throw usageError(
      `Expected an --output that ends with .csv or .jsonl but received ${output}.`,
      'Add --format csv or --format jsonl to write it all the same.',
    );
  }
  return BY_EXTENSION[extension] ?? 'csv';
}

/** Opens stdout or a file; `onClosed` is called when nobody reads stdout any more. */
export async function openSink(output: string, force: boolean, onClosed: () => void): Promise<Sink> {
  return output === STDOUT ? streamSink(process.stdout, 'stdout', onClosed) : openOutput(output, { force });
}
