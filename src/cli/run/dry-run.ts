/** `--dry-run`: the inputs, one a line, and nothing else. */

import { ExitCode } from '../../errors.js';
import type { ImageList } from '../../images/list/find.js';
import { printable } from '../../output/printable.js';
import { streamSink } from '../../output/stream-sink.js';
import { untilAborted } from '../../stream.js';
import { formatCount } from '../terminal/rate.js';
import { passedOverLine } from './report.js';
import type { Interruption } from './signals.js';

/** Prints the shown paths to stdout; their number, and that of what is passed over, to stderr. */
export async function printInputs(
  images: ImageList,
  quiet: boolean,
  interruption: Interruption,
  { say, notice }: { readonly say: (line: string) => void; readonly notice: (message: string) => void },
): Promise<ExitCode> {
  const stdout = streamSink(process.stdout, 'stdout', () => interruption.stop());
  let count = 0;
  for await (const { path } of untilAborted(images.files, interruption.signal)) {
    count += 1;
    await stdout.write(`${process.stdout.isTTY === true ? printable(path) : path}\n`);
  }
  if (interruption.exitCode !== undefined) return interruption.exitCode;
  if (!quiet && !interruption.signal.aborted) {
    const passedOver = passedOverLine(images.passedOver);
    if (passedOver !== undefined) notice(passedOver);
    say(`${formatCount(count)} ${count === 1 ? 'image' : 'images'} would be read.`);
  }
  return ExitCode.Ok;
}
