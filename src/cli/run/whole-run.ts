/** Commands whose output is whole or absent: what a signal does to them. */

import type { ExitCode } from '../../errors.js';
import type { CommandContext } from '../command/context.js';
import { Interruption } from './signals.js';

/** After a signal the work has this long to stop by itself, in milliseconds; engines that send SIGTERM kill soon after. */
const STOP_MS = 1000;

/**
 * Resolves to the exit code of `work`, which throws as soon as it can after Ctrl-C or SIGTERM. When it does not within
 * `STOP_MS`, or at a second signal, the process ends in the midst of it. Nothing half-written is left either way.
 */
export async function runWhole(
  context: CommandContext,
  work: (signal: AbortSignal) => Promise<ExitCode>,
): Promise<ExitCode> {
  let timer: NodeJS.Timeout | undefined;
  const say = () =>
    context.say(`Interrupted (${interruption.signalName}): the output was not written; type the command again.`);
  const interruption = new Interruption(() => {
    timer = setTimeout(() => {
      say();
      interruption.endNow();
    }, STOP_MS);
    timer.unref();
  });
  try {
    const exitCode = await work(interruption.signal);
    return interruption.exitCode ?? exitCode;
  } catch (error) {
    if (interruption.exitCode === undefined) throw error;
    say();
    return interruption.exitCode;
  } finally {
    clearTimeout(timer);
    interruption.dispose();
  }
}
