/** The output group's flags → a format and where rows go. */

import { constants } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { isatty } from 'node:tty';
import { usageError } from '../../errors.js';
import type { ModelCard } from '../../network/card.js';
import { openDevice } from '../../output/device-sink.js';
import { compressionOf } from '../../output/files/compression.js';
import type { RowEncoder, RowFormat } from '../../output/rows/encoder.js';
import { endingsOf, formatByName, isForeign } from '../../output/rows/extensions.js';
import type { FailedRow } from '../../output/rows/records.js';
import { visibleRows } from '../../output/rows/visible-rows.js';
import { streamWriter } from '../../output/store/row-writer.js';
import { streamSink } from '../../output/stream-sink.js';
import type { RunOutput } from './run-output.js';

/** `--output -` */
export const STDOUT = '-';

/** The formats of rows that a name can say. */
const NAMED_FORMATS = ['csv', 'jsonl'] as const satisfies RowFormat[];

/**
 * `--format`, else by the output's extension, else a table on a terminal and CSV elsewhere. Throws USAGE for an extension
 * that promises something else than rows of text.
 */
export function formatOf(format: RowFormat | undefined, output: string, isTerminal: boolean): RowFormat {
  if (format !== undefined) return format;
  if (output === STDOUT) return isTerminal ? 'table' : 'csv';
  const named = formatByName(output);
  const known = NAMED_FORMATS.find((each) => each === named);
  if (known === undefined && (named !== undefined || isForeign(output))) {
    throw usageError(
      `Expected an --output that ends with ${endingsOf(NAMED_FORMATS)} but received ${output}.`,
      'Add --format csv or --format jsonl to write it all the same.',
    );
  }
  return known ?? 'csv';
}

/** Opens stdout, a pipe or a device, which get plain text; `undefined` for a file. `onClosed` is called when nobody reads stdout any more. */
export async function openStream<Row>(
  output: string,
  format: string,
  encoder: (card: ModelCard) => RowEncoder<Row | FailedRow>,
  onClosed: () => void,
): Promise<RunOutput<Row> | undefined> {
  const sink = output === STDOUT ? streamSink(process.stdout, 'stdout', onClosed) : await openDevice(output);
  if (sink === undefined) return undefined;
  if (output !== STDOUT && compressionOf(output) !== undefined) {
    await sink.abandon();
    throw usageError(
      `Expected a file for --output ${output}, since rows are compressed at the end, but it is a pipe or a device.`,
      'Compress what the pipe gives: … -o - | gzip > FILE',
    );
  }
  const visible = await isTerminal(output);
  return {
    file: output,
    format,
    open: ({ card }) => streamWriter(sink, visible ? visibleRows(encoder(card), format) : encoder(card)),
    close: async () => [],
  };
}

/** Whether what is written to `output` appears on a terminal: stdout, or a device such as /dev/tty. */
async function isTerminal(output: string): Promise<boolean> {
  if (output === STDOUT) return process.stdout.isTTY === true;
  const found = await stat(output).catch(() => undefined);
  if (found?.isCharacterDevice() !== true) return false;
  const handle = await open(output, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY).catch(
    () => undefined,
  );
  const terminal = handle !== undefined && isatty(handle.fd);
  await handle?.close();
  return terminal;
}
