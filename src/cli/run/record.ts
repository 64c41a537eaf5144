/** The record of a run, which every command that makes rows keeps beside its output and prints under `--json`. */

import type { RunError } from '../../errors.js';
import { RUN_RECORD_VERSION, type RunRecord } from '../../output/store/run-record.js';

import { describeMachine } from '../../services/pipeline/machine.js';
import type { CommandContext } from '../command/context.js';

/** What a run alone knows of itself; the rest of the record is the same for all. */
export interface RunFacts
  extends Pick<RunRecord, 'command' | 'model' | 'settings' | 'output' | 'counts' | 'inputs' | 'exitCode'> {
  readonly start: Date;
  readonly end: Date;
  readonly seconds: number;
  readonly imagesPerSecond: number;
  readonly results: object | undefined;
  /** What ended the run before its time. */
  readonly failure: RunError | undefined;
}

export async function runRecord(facts: RunFacts, context: Pick<CommandContext, 'arguments'>): Promise<RunRecord> {
  const { results, failure } = facts;
  return {
    v: RUN_RECORD_VERSION,
    tool: 'vgg16',
    command: facts.command,
    arguments: context.arguments,
    directory: process.cwd(),
    ...(await describeMachine()),
    model: facts.model,
    settings: { ...facts.settings },
    output: facts.output,
    counts: { ...facts.counts },
    inputs: facts.inputs,
    start: facts.start.toISOString(),
    end: facts.end.toISOString(),
    seconds: rounded(facts.seconds),
    imagesPerSecond: rounded(facts.imagesPerSecond),
    exitCode: facts.exitCode,
    ...(results === undefined ? {} : { results }),
    error: failure === undefined ? null : { code: failure.code, message: failure.message },
  };
}

/** Milliseconds are as fine as such times mean anything. */
function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}
