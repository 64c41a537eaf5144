/** Rows before the user's eyes: paths, labels and messages in them are other people's text. */

import { printableJson, printableTexts } from '../printable.js';
import type { RowEncoder } from './encoder.js';

/** The same rows for a terminal. JSON stays the same JSON; in CSV and a table the escapes are part of the cells. */
export function visibleRows<Row>(encoder: RowEncoder<Row>, format: string): RowEncoder<Row> {
  if (format === 'jsonl') return { ...encoder, encode: (rows) => printableJson(encoder.encode(rows)) };
  const { fitTo } = encoder;
  return {
    header: () => encoder.header(),
    encode: (rows) => encoder.encode(rows.map(printableTexts)),
    ...(fitTo === undefined ? {} : { fitTo: (rows: readonly Row[]) => fitTo(rows.map(printableTexts)) }),
  };
}
