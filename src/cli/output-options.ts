/** The output group's flags → a format and where rows go. */

import { extname } from 'node:path';
import { usageError } from '../errors.js';
import type { ModelCard } from '../model/card.js';
import { openDevice } from '../output/atomic.js';
import type { RowEncoder, RowFormat } from '../output/encoder.js';
import type { FailedRow } from '../output/records.js';
import { streamWriter } from '../output/row-writer.js';
import { streamSink } from '../output/stream-sink.js';
import type { RunOutput } from './run-types.js';

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

/** Opens stdout, a pipe or a device; `undefined` for a file. `onClosed` is called when nobody reads stdout any more. */
export async function openStream<Row>(
  output: string,
  format: string,
  encoder: (card: ModelCard) => RowEncoder<Row | FailedRow>,
  onClosed: () => void,
): Promise<RunOutput<Row> | undefined> {
  const sink = output === STDOUT ? streamSink(process.stdout, 'stdout', onClosed) : await openDevice(output);
  if (sink === undefined) return undefined;
  return {
    file: output,
    format,
    open: ({ card }) => streamWriter(sink, encoder(card)),
    close: async () => [],
  };
}
