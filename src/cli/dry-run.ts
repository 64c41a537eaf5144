/** `--dry-run`: the inputs, one a line, and nothing else. */

import { ExitCode } from '../errors.js';
import type { ImageList } from '../image/find.js';
import { checkOutput } from '../output/atomic.js';
import { printable } from '../output/printable.js';
import { streamSink } from '../output/stream-sink.js';
import { untilAborted } from '../stream.js';
import { STDOUT } from './output-options.js';
import { formatCount } from './rate.js';
import type { Interruption } from './signals.js';

/** Prints the shown paths to stdout and their number to stderr, after the checks that a run would make first. */
export async function listInputs(
  images: ImageList,
  flags: { readonly output: string; readonly force?: boolean | undefined; readonly quiet?: boolean | undefined },
  interruption: Interruption,
  { say }: { readonly say: (line: string) => void },
): Promise<ExitCode> {
  if (flags.output !== STDOUT) await checkOutput(flags.output, { force: flags.force === true });
  const stdout = streamSink(process.stdout, 'stdout', () => interruption.stop());
  let count = 0;
  for await (const { path } of untilAborted(images.files, interruption.signal)) {
    count += 1;
    await stdout.write(`${process.stdout.isTTY === true ? printable(path) : path}\n`);
  }
  if (interruption.exitCode !== undefined) return interruption.exitCode;
  if (flags.quiet !== true && !interruption.signal.aborted) {
    say(`${formatCount(count)} ${count === 1 ? 'image' : 'images'} would be read.`);
  }
  return ExitCode.Ok;
}
