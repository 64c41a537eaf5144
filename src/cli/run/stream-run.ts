/**
 * Runs a service that streams rows: rows to their output, progress and talk to stderr, the record of the run beside
 * the output, the exit code. The same for every command that streams.
 */

import { access } from 'node:fs/promises';
import { ExitCode, RunError } from '../../errors.js';
import type { FailedRow } from '../../output/rows/records.js';
import type { KeptRow } from '../../output/store/kept-row.js';
import type { RowWriter } from '../../output/store/row-writer.js';
import { writeRunRecord } from '../../output/store/run-record.js';
import { exitCodeOf } from '../../services/pipeline/run.js';
import { untilAborted } from '../../stream.js';
import { toRunError } from '../command/errors.js';
import { STDOUT } from '../output/options.js';
import { printJson } from '../terminal/print-json.js';
import {
  closingLine,
  failureLine,
  interruptionLine,
  MAX_FAILURES_NAMED,
  nothingToDoLine,
  passedOverLine,
  readyLine,
} from './report.js';
import { type RunEnd, RunState, toRecord } from './state.js';
import type { StreamRun } from './types.js';

/** Resolves to the exit code. Throws the error that ended the run, once what was computed is safe and told. */
export async function streamRun<Row extends { readonly status: string }>(run: StreamRun<Row>): Promise<ExitCode> {
  const state = new RunState();
  const { interruption, progress } = run;
  const { record: recordFile, file } = run.output;
  const opened: { writer?: RowWriter<Row | FailedRow> } = {};
  let failure: RunError | undefined;
  let complete = false;
  let unchanged = false;
  try {
    await writeRows(run, state, opened);
    if (!interruption.signal.aborted) {
      unchanged = (await opened.writer?.finish(run.images.listDigest())) === false;
      complete = true;
    }
  } catch (error) {
    failure = toRunError(error, run.command);
  }
  state.end();
  progress.stop();
  const partial = complete ? undefined : await opened.writer?.abandon({ keep: state.counts.seen > 0 });
  const notices = await run.output.close({ complete });
  if (!run.quiet) for (const message of notices) run.notice(message);

  const name = interruption.signalName;
  const exitCode = failure?.exitCode ?? interruption.exitCode ?? exitCodeOf(state.counts, run.maxErrors);
  const end: RunEnd = { exitCode, failure, partial, complete };
  const recorded = recordFile === undefined || (unchanged && (await exists(recordFile)));
  const writesRecord = !recorded && (complete || partial !== undefined);
  if (run.json || writesRecord) {
    const record = await toRecord(run, state, end);
    if (writesRecord) {
      // On a full disk this fails too, and must not hide what ended the run and where its rows are.
      await writeRunRecord(recordFile, record).catch((error: unknown) => {
        failure ??= toRunError(error, run.command);
      });
    }
    if (run.json && failure === undefined) printJson(record);
  }

  if (name !== undefined) run.say(interruptionLine(name, state.counts, partial));
  else if (failure !== undefined) {
    if (partial !== undefined) {
      run.notice(`The rows that were done are in ${partial}; the same command with --resume goes on from there.`);
    }
    throw failure;
  } else if (complete && !run.quiet) {
    const passedOver = passedOverLine(run.images.passedOver);
    if (passedOver !== undefined) run.notice(passedOver);
    run.say(
      unchanged
        ? nothingToDoLine(state.counts, file)
        : closingLine({ ...state.speed(), counts: state.counts, output: file === STDOUT ? undefined : file }),
    );
  }
  return exitCode;
}

/** Consumes the events: a model that opens, then rows. */
async function writeRows<Row extends { readonly status: string }>(
  run: StreamRun<Row>,
  state: RunState,
  opened: { writer?: RowWriter<Row | FailedRow> },
): Promise<void> {
  const { progress } = run;
  for await (const event of untilAborted(run.events, run.interruption.deadline)) {
    switch (event.type) {
      case 'notice':
        if (!run.quiet) progress.around(() => run.notice(event.message));
        break;
      case 'ready':
        state.ready(event);
        if (run.verbose) progress.around(() => run.say(readyLine(state)));
        opened.writer = await run.output.open(event);
        progress.start(event.total);
        break;
      case 'rows':
        state.counts = event.counts;
        await progress.around(() => opened.writer?.write(event.rows));
        progress.update(event.counts);
        tellFailures(run, state, event.rows);
        if (run.stopOnError) stopAtFailure(event.rows);
    }
  }
}

function isFailed(row: { readonly status: string }): row is FailedRow {
  return row.status === 'error';
}

function tellFailures<Row extends { readonly status: string }>(
  run: StreamRun<Row>,
  state: RunState,
  rows: readonly (Row | FailedRow | KeptRow)[],
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

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
