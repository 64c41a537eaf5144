/** What the commands that stream images share: inputs, signals, progress, the run itself. */

import { ExitCode, usageError } from '../../errors.js';
import { describeMachine } from '../../services/pipeline/machine.js';
import type { StreamOptions } from '../../services/pipeline/pipeline.js';
import type { MaxErrors, RunEvent } from '../../services/pipeline/run.js';
import type { CommandContext } from '../command/context.js';
import { continues } from '../output/file.js';
import { STDOUT } from '../output/options.js';
import type { RunOutput } from '../output/run-output.js';
import { openProgress, progressStyle } from '../terminal/progress.js';
import { GOES_ON } from './download.js';
import { listInputs } from './dry-run.js';
import { type InputFlags, openInputs } from './inputs.js';
import { type ModelFlags, openOptions } from './model-options.js';
import { Interruption } from './signals.js';
import { streamRun } from './stream-run.js';

/** Flags that every such command has. */
export interface ImageRunFlags extends InputFlags, ModelFlags {
  readonly output: string;
  readonly force?: boolean | undefined;
  readonly resume?: boolean | undefined;
  readonly 'retry-failed'?: boolean | undefined;
  readonly 'auto-orient': boolean;
  readonly decode: 'exact' | 'fast';
  readonly 'batch-size': number | 'auto';
  readonly workers: number | 'auto';
  readonly threads: number | 'auto';
  readonly precision: 'f32' | 'bf16' | 'int8' | 'auto';
  readonly 'max-pixels': number;
  readonly 'on-error': 'skip' | 'fail';
  readonly 'max-errors': MaxErrors;
  readonly progress?: boolean | undefined;
  readonly json?: boolean | undefined;
  readonly 'dry-run'?: boolean | undefined;
  readonly quiet?: boolean | undefined;
  readonly verbose?: boolean | undefined;
}

export interface ImageRun<Row> {
  readonly command: string;
  readonly inputs: readonly string[];
  readonly flags: ImageRunFlags;
  readonly context: CommandContext;
  /** Rows are before the user's eyes: failures need not be told. */
  readonly onTerminal: boolean;
  /** Where the rows go; `onClosed` is to be called when nobody reads them any more. */
  readonly output: (onClosed: () => void) => Promise<RunOutput<Row>>;
  readonly events: (options: StreamOptions) => AsyncIterable<RunEvent<Row>>;
  /** For the record: what the rows say together. */
  readonly results?: () => object;
}

/** Resolves to the exit code. */
export async function runImages<Row extends { readonly status: string }>(run: ImageRun<Row>): Promise<ExitCode> {
  const { flags, context } = run;
  checkCombinations(flags);
  const images = await openInputs(run.inputs, flags, run.command);
  const interruption = new Interruption((name) => {
    const how = name === 'SIGINT' ? 'Finishing the batch in flight; Ctrl-C again ends at once.' : 'Ending (SIGTERM).';
    progress.around(() => context.say(how));
  });
  const progress = await openProgress(progressStyle(flags));
  try {
    if (flags['dry-run'] === true) return await listInputs(images, flags.quiet === true, interruption, context);
    const open = await openOptions(flags, context.cacheDir, interruption.signal).catch((error: unknown) => {
      if (interruption.exitCode === undefined) throw error;
    });
    if (open === undefined) {
      context.say(GOES_ON);
      return interruption.exitCode ?? ExitCode.Ok;
    }
    const output = await run.output(() => interruption.stop());
    if (continues(flags) && output.earlier === undefined) {
      throw usageError(`Expected a file for --output with --resume but ${flags.output} is a pipe or a device.`);
    }
    const exitCode = await streamRun<Row>({
      command: run.command,
      arguments: context.arguments,
      images,
      events: run.events({
        images,
        model: flags.model,
        open,
        batchSize: flags['batch-size'],
        workers: flags.workers,
        threads: flags.threads,
        precision: flags.precision,
        maxPixels: flags['max-pixels'],
        autoOrient: flags['auto-orient'],
        decode: flags.decode,
        stopOnError: flags['on-error'] === 'fail',
        signal: interruption.signal,
        ...(output.earlier === undefined ? {} : { earlier: output.earlier }),
      }),
      output,
      maxErrors: flags['max-errors'],
      stopOnError: flags['on-error'] === 'fail',
      tellFailures: !run.onTerminal && flags['on-error'] === 'skip',
      json: flags.json === true,
      quiet: flags.quiet === true,
      verbose: flags.verbose === true,
      progress,
      interruption,
      machine: describeMachine,
      ...(run.results === undefined ? {} : { results: run.results }),
      say: context.say,
      notice: context.notice,
    });
    if (interruption.deadline.aborted) interruption.endNow();
    return exitCode;
  } finally {
    interruption.dispose();
    // A pipe that nobody writes to any more would keep the process alive.
    if (flags['files-from'] === STDOUT) process.stdin.destroy();
  }
}

function checkCombinations(flags: ImageRunFlags): void {
  if (flags.json === true && flags.output === STDOUT) {
    throw usageError(
      'Expected --output FILE with --json, which prints the summary of the run on stdout.',
      'Add -o FILE.',
    );
  }
  if (flags.json === true && flags['dry-run'] === true) {
    throw usageError('Expected --json or --dry-run but received both: a run that is not made has no summary.');
  }
  for (const flag of ['resume', 'retry-failed'] as const) {
    if (flags[flag] === true && flags.output === STDOUT) {
      throw usageError(`Expected --output FILE with --${flag}, which goes on with a file.`, 'Add -o FILE.');
    }
  }
}
