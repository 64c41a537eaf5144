/**
 * Runs a service that streams rows: rows to their output, progress and talk to stderr, the record of the run beside
 * the output, the exit code. The same for every command that streams.
 */

import { ExitCode, RunError } from '../errors.js';
import type { RowEncoder } from '../output/encoder.js';
import type { FailedRow } from '../output/records.js';
import { writeRunRecord } from '../output/run-record.js';
import { exitCodeOf } from '../services/run.js';
import { untilAborted } from '../stream.js';
import { toRunError } from './errors.js';
import { STDOUT } from './output-options.js';
import { closingLine, failureLine, interruptionLine, MAX_FAILURES_NAMED, readyLine } from './run-report.js';
import { type RunEnd, RunState, toRecord } from './run-state.js';
import type { StreamRun } from './run-types.js';

/** Resolves to the exit code. Throws the error that ended the run, once what was computed is safe and told. */
export async function streamRun<Row extends { readonly status: string }>(
  run: StreamRun<Row | FailedRow>,
): Promise<ExitCode> {
  const state = new RunState();
  const { interruption, progress } = run;
  const { sink, file } = run.output;
  let failure: RunError | undefined;
  let complete = false;
  try {
    await writeRows(run, state);
    if (!interruption.signal.aborted) {
      await sink.finish();
      complete = true;
    }
  } catch (error) {
    failure = toRunError(error, run.command);
  }
  state.end();
  progress.stop();
  const partial = complete ? undefined : await sink.abandon({ keep: state.counts.seen > 0 });

  const name = interruption.signalName;
  const exitCode = failure?.exitCode ?? interruption.exitCode ?? exitCodeOf(state.counts, run.maxErrors);
  const end: RunEnd = { exitCode, failure, partial, complete };
  const writesRecord = sink.isFile && (complete || partial !== undefined);
  if (run.json || writesRecord) {
    const record = await toRecord(run, state, end);
    if (writesRecord) {
      // On a full disk this fails too, and must not hide what ended the run and where its rows are.
      await writeRunRecord(file, record).catch((error: unknown) => {
        failure ??= toRunError(error, run.command);
      });
    }
    if (run.json && failure === undefined) process.stdout.write(`${JSON.stringify(record)}\n`);
  }

  if (name !== undefined) run.say(interruptionLine(name, state.counts, partial));
  else if (failure !== undefined) {
    if (partial !== undefined) run.notice(`The rows that were done are in ${partial}.`);
    throw failure;
  } else if (complete && !run.quiet) {
    run.say(closingLine({ ...state.speed(), counts: state.counts, output: file === STDOUT ? undefined : file }));
  }
  return exitCode;
}

/** Consumes the events: a model that opens, then rows. */
async function writeRows<Row extends { readonly status: string }>(
  run: StreamRun<Row | FailedRow>,
  state: RunState,
): Promise<void> {
  const { progress, output } = run;
  let encoder: RowEncoder<Row | FailedRow> | undefined;
  for await (const event of untilAborted(run.events, run.interruption.deadline)) {
    switch (event.type) {
      case 'notice':
        if (!run.quiet) progress.around(() => run.notice(event.message));
        break;
      case 'ready': {
        state.ready(event);
        if (run.verbose) progress.around(() => run.say(readyLine(state)));
        encoder = run.encoder(event.card);
        await output.sink.write(encoder.header());
        progress.start(event.total);
        break;
      }
      case 'rows': {
        state.counts = event.counts;
        const text = encoder?.encode(event.rows) ?? '';
        await progress.around(() => output.sink.write(text));
        progress.update(event.counts);
        tellFailures(run, state, event.rows);
        if (run.stopOnError) stopAtFailure(event.rows);
      }
    }
  }
}

function isFailed(row: { readonly status: string }): row is FailedRow {
  return row.status === 'error';
}

function tellFailures<Row extends { readonly status: string }>(
  run: StreamRun<Row | FailedRow>,
  state: RunState,
  rows: readonly (Row | FailedRow)[],
): void {
  if (run.quiet || !run.tellFailures) return;
  for (const row of rows.filter(isFailed)) {
    state.failuresTold += 1;
    if (state.failuresTold > MAX_FAILURES_NAMED + 1) return;
    const line = state.failuresTold > MAX_FAILURES_NAMED ? 'More images failed: see the output.' : failureLine(row);
    run.progress.around(() => run.say(line));
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
