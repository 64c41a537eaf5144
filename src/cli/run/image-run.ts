/**
 * A run that streams images, from its flags to its exit code: inputs, model and output are opened; rows go to the output,
 * progress and talk to stderr, the record of the run beside the output. The same for every command that streams.
 */

import { ExitCode, RunError, usageError } from '../../errors.js';
import { exists } from '../../exists.js';
import type { ImageList } from '../../images/list/find.js';
import type { FailedRow } from '../../output/rows/records.js';
import type { RowWriter } from '../../output/store/row-writer.js';
import { writeRunRecord } from '../../output/store/run-record.js';
import type { StreamOptions } from '../../services/pipeline/pipeline.js';
import { exitCodeOf, type MaxErrors, type RunEvent } from '../../services/pipeline/run.js';
import { untilAborted } from '../../stream.js';
import type { CommandContext } from '../command/context.js';
import { toRunError } from '../command/errors.js';
import { STDOUT } from '../output/options.js';
import type { RunOutput } from '../output/run-output.js';
import { type ContinuationFlags, continues } from '../output/stored.js';
import { printJson } from '../terminal/print-json.js';
import { openProgress, type Progress, progressStyle } from '../terminal/progress.js';
import { GOES_ON } from './download.js';
import { printInputs } from './dry-run.js';
import { type InputFlags, openInputs } from './inputs.js';
import { type ModelFlags, openOptions } from './model-options.js';
import { runRecord } from './record.js';
import {
  closingLine,
  FailureTeller,
  failureLine,
  interruptionLine,
  isFailed,
  nothingToDoLine,
  passedOverLine,
  readyLine,
} from './report.js';
import { Interruption } from './signals.js';
import { RunState } from './state.js';

/** Flags that every such command has. */
export interface ImageRunFlags extends InputFlags, ModelFlags, ContinuationFlags {
  readonly output: string;
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

/** What a command gives to its run. */
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

/** What is open while a run goes on. */
export interface OpenRun<Row> {
  readonly images: Pick<ImageList, 'digest' | 'listDigest' | 'passedOver'>;
  readonly output: RunOutput<Row>;
  readonly events: AsyncIterable<RunEvent<Row>>;
  readonly progress: Progress;
  readonly interruption: Interruption;
}

/** Resolves to the exit code. Throws the error that ended the run, once what was computed is safe and told. */
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
    if (flags['dry-run'] === true) return await printInputs(images, flags.quiet === true, interruption, context);
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
    const events = run.events({
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
    });
    const exitCode = await streamRows(run, { images, output, events, progress, interruption });
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

/** How a run ended. */
interface RunEnd {
  readonly exitCode: ExitCode;
  readonly failure: RunError | undefined;
  /** File with the rows of a run that did not complete. */
  readonly partial: string | undefined;
  readonly complete: boolean;
}

/** The part of `runImages` in which rows flow, which tests call with events of their own. */
export async function streamRows<Row extends { readonly status: string }>(
  run: ImageRun<Row>,
  open: OpenRun<Row>,
): Promise<ExitCode> {
  const { flags, context } = run;
  const { images, output, interruption } = open;
  const state = new RunState();
  const opened: { writer?: RowWriter<Row | FailedRow> } = {};
  let failure: RunError | undefined;
  let complete = false;
  let unchanged = false;
  try {
    await writeRows(run, open, state, opened);
    if (!interruption.signal.aborted) {
      unchanged = (await opened.writer?.finish(images.listDigest())) === false;
      complete = true;
    }
  } catch (error) {
    failure = toRunError(error, run.command);
  }
  state.end();
  open.progress.stop();
  const partial = complete ? undefined : await opened.writer?.abandon({ keep: state.counts.seen > 0 });
  const notices = await output.close({ complete });
  if (flags.quiet !== true) for (const message of notices) context.notice(message);

  const name = interruption.signalName;
  const exitCode = failure?.exitCode ?? interruption.exitCode ?? exitCodeOf(state.counts, flags['max-errors']);
  const recorded = output.record === undefined || (unchanged && (await exists(output.record)));
  const writesRecord = !recorded && (complete || partial !== undefined);
  if (flags.json === true || writesRecord) {
    const record = await recordOf(run, open, state, { exitCode, failure, partial, complete });
    if (writesRecord) {
      // On a full disk this fails too, and must not hide what ended the run and where its rows are.
      await writeRunRecord(output.record, record).catch((error: unknown) => {
        failure ??= toRunError(error, run.command);
      });
    }
    if (flags.json === true && failure === undefined) printJson(record);
  }

  if (name !== undefined) context.say(interruptionLine(name, state.counts, partial));
  else if (failure !== undefined) {
    if (partial !== undefined) {
      context.notice(`The rows that were done are in ${partial}; the same command with --resume goes on from there.`);
    }
    throw failure;
  } else if (complete && flags.quiet !== true) {
    const passedOver = passedOverLine(images.passedOver);
    if (passedOver !== undefined) context.notice(passedOver);
    const { file } = output;
    context.say(
      unchanged
        ? nothingToDoLine(state.counts, file)
        : closingLine({ ...state.speed(), counts: state.counts, output: file === STDOUT ? undefined : file }),
    );
  }
  return exitCode;
}

/** Consumes the events: a model that opens, then rows. The writer is in `opened` as soon as there is one. */
async function writeRows<Row extends { readonly status: string }>(
  { flags, context, onTerminal }: ImageRun<Row>,
  { events, output, progress, interruption }: OpenRun<Row>,
  state: RunState,
  opened: { writer?: RowWriter<Row | FailedRow> },
): Promise<void> {
  const quiet = flags.quiet === true;
  const stopOnError = flags['on-error'] === 'fail';
  const failures = new FailureTeller((line) => progress.around(() => context.say(line)));
  for await (const event of untilAborted(events, interruption.deadline)) {
    switch (event.type) {
      case 'notice':
        if (!quiet) progress.around(() => context.notice(event.message));
        break;
      case 'ready':
        state.ready(event);
        if (flags.verbose === true) progress.around(() => context.say(readyLine(state)));
        opened.writer = await output.open(event);
        progress.start(event.total);
        break;
      case 'rows':
        state.counts = event.counts;
        await progress.around(() => opened.writer?.write(event.rows));
        progress.update(event.counts);
        if (!quiet && !onTerminal && !stopOnError) failures.tell(event.rows);
        if (stopOnError) stopAtFailure(event.rows);
    }
  }
}

/** --on-error fail. */
function stopAtFailure(rows: readonly { readonly status: string }[]): void {
  const failed = rows.find(isFailed);
  if (failed === undefined) return;
  throw new RunError('TOO_MANY_ERRORS', `Expected every image to be readable but ${failureLine(failed)}`, {
    exitCode: ExitCode.SomeFailed,
    hint: 'Without --on-error fail the run goes on, and the image gets a row with its error.',
  });
}

async function recordOf<Row>(
  { command, context, results }: ImageRun<Row>,
  { images, output, interruption }: OpenRun<Row>,
  state: RunState,
  { exitCode, failure, partial, complete }: RunEnd,
) {
  const { counts } = state;
  const hurried = interruption.signal.aborted || failure !== undefined;
  const facts = {
    command,
    model: await state.model(hurried),
    settings: { ...state.settings },
    output: { file: complete ? output.file : null, partial: partial ?? null, format: output.format },
    counts,
    inputs: {
      total: state.total ?? (complete ? counts.seen : null),
      sha256: images.digest(),
      passedOver: images.passedOver.counts(),
    },
    start: state.start,
    end: state.finish,
    ...state.speed(),
    exitCode,
    results: results?.(),
    failure,
  };
  return runRecord(facts, context);
}
