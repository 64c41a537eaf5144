/** Rows to where they go: a stream that others read, or an output that appears whole. */

import type { RowEncoder } from '../rows/encoder.js';
import type { FailedRow, RowBase } from '../rows/records.js';
import type { Sink } from '../sink.js';
import type { KeptRow } from './kept-row.js';
import type { Store, StoreRow } from './store.js';

export interface RowWriter<Row> {
  write(rows: readonly (Row | FailedRow | KeptRow)[]): Promise<void>;
  /** All rows are written; `list` is the digest of the whole input. Resolves to false when the output was there already. */
  finish(list: string): Promise<boolean>;
  /** Ends without completing. Resolves to the file that holds what was written so far, where it is worth keeping. */
  abandon(options: { readonly keep: boolean }): Promise<string | undefined>;
}

/** To a stream, a pipe or a device. Nothing can be taken over from an earlier run there. */
export async function streamWriter<Row>(sink: Sink, encoder: RowEncoder<Row | FailedRow>): Promise<RowWriter<Row>> {
  await sink.write(encoder.header());
  return {
    write: (rows) => sink.write(encoder.encode(rows as readonly (Row | FailedRow)[])),
    async finish() {
      await sink.finish();
      return true;
    },
    async abandon() {
      await sink.abandon();
      return undefined;
    },
  };
}

/** What a row is in a store. */
export interface Encoded {
  readonly text: string;
  /** The row's numbers, an array each; none for a failed image. */
  readonly arrays: readonly Uint8Array[] | null;
}

/** What a row is in a store, and what may have to be known of the first rows. */
export interface RowCodec<Row> {
  readonly encode: (row: Row | FailedRow) => Encoded;
  readonly fitTo?: (rows: readonly (Row | FailedRow)[]) => void;
}

/** A row as a store takes it. */
export function toStoreRow<Row extends RowBase>(
  row: Row | FailedRow | KeptRow,
  encode: RowCodec<Row>['encode'],
): StoreRow {
  const { path, index, identity } = row;
  if (isKept(row)) return { path, index, kept: row.kept };
  const { text, arrays } = encode(row as Row | FailedRow);
  const { error } = row as Partial<FailedRow>;
  return { path, index, identity, ...(error === undefined ? {} : { error }), text: Buffer.from(text), arrays };
}

/** To an output of its own files. */
export function storeWriter<Row extends RowBase>(store: Store, { encode, fitTo }: RowCodec<Row>): RowWriter<Row> {
  return {
    async write(rows) {
      fitTo?.(rows.filter((row): row is Row | FailedRow => !isKept(row)));
      await store.append(rows.map((row) => toStoreRow(row, encode)));
    },
    finish: (list) => store.finish(list),
    abandon: (options) => store.abandon(options),
  };
}

/** A writer that is made when there is something to write. */
export function lazyWriter<Row>(open: () => Promise<RowWriter<Row>>): RowWriter<Row> {
  let writer: RowWriter<Row> | undefined;
  const opened = async () => {
    writer ??= await open();
    return writer;
  };
  return {
    write: async (rows) => (await opened()).write(rows),
    finish: async (list) => (await opened()).finish(list),
    abandon: async (options) => writer?.abandon(options),
  };
}

function isKept(row: object): row is KeptRow {
  return 'kept' in row;
}
