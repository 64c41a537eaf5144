/** `vgg16 model pull`: flags → download → a line, or an object. */

import { ExitCode } from '../../errors.js';
import type { CommandContext } from '../command/context.js';
import { download, GOES_ON, type NetworkFlags, pulledLine } from '../run/download.js';
import { Interruption } from '../run/signals.js';
import { printJson } from '../terminal/print-json.js';

export interface PullFlags extends NetworkFlags {
  readonly json?: boolean | undefined;
}

/** Resolves to the exit code. */
export async function runPull(name: string, flags: PullFlags, context: CommandContext): Promise<ExitCode> {
  const interruption = new Interruption(() => {});
  try {
    const pulled = await download(name, flags, context.cacheDir, interruption.signal);
    if (flags.json === true) printJson(pulled);
    else if (flags.quiet !== true) context.say(pulledLine(pulled));
    return ExitCode.Ok;
  } catch (error) {
    if (interruption.exitCode === undefined) throw error;
    context.say(`Interrupted (${interruption.signalName}). ${GOES_ON}`);
    return interruption.exitCode;
  } finally {
    interruption.dispose();
  }
}
