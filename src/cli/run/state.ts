/** What is known of a run while it goes on, and its record at the end. */

import type { ExitCode, RunError } from '../../errors.js';
import type { ModelCard } from '../../network/card.js';
import { RUN_RECORD_VERSION, type RunRecord } from '../../output/run-record.js';
import type { RunCounts, RunEvent } from '../../services/pipeline/run.js';
import type { RunOutput } from '../output/run-output.js';
import type { StreamRun } from './types.js';

/** Time for the model's hash to settle at the end of a run that was interrupted, in milliseconds. */
const HASH_GRACE_MS = 200;

export interface RunEnd {
  readonly exitCode: ExitCode;
  readonly failure: RunError | undefined;
  /** File with the rows of a run that did not complete. */
  readonly partial: string | undefined;
  readonly complete: boolean;
}

export class RunState {
  counts: Readonly<RunCounts> = { seen: 0, ok: 0, failed: 0, skipped: 0 };
  failuresTold = 0;
  card: ModelCard | undefined;
  settings: object = {};
  total: number | undefined;
  readonly start = new Date();
  finish = this.start;
  #hash: Promise<string | null> = Promise.resolve(null);
  readonly #startedAt = performance.now();
  #readyAt: number | undefined;
  #endedAt = this.#startedAt;

  ready(event: Extract<RunEvent<never>, { readonly type: 'ready' }>): void {
    this.card = event.card;
    this.settings = event.settings;
    this.total = event.total;
    this.#hash = event.modelHash.catch(() => null);
    this.#readyAt = performance.now();
  }

  end(): void {
    this.#endedAt = performance.now();
    this.finish = new Date();
  }

  /** Seconds until the model was ready. */
  loadSeconds(): number {
    return ((this.#readyAt ?? this.#startedAt) - this.#startedAt) / 1000;
  }

  /** Seconds of the whole run; images computed a second from the moment that the model was ready. */
  speed(): { readonly seconds: number; readonly imagesPerSecond: number } {
    const streaming = (this.#endedAt - (this.#readyAt ?? this.#endedAt)) / 1000;
    return {
      seconds: (this.#endedAt - this.#startedAt) / 1000,
      imagesPerSecond: streaming > 0 ? (this.counts.seen - this.counts.skipped) / streaming : 0,
    };
  }

  /** The model's hash; `null` where it is not known yet and there is no time to wait. */
  async hash(hurried: boolean): Promise<string | null> {
    if (!hurried) return this.#hash;
    const late = new Promise<null>((resolve) => setTimeout(() => resolve(null), HASH_GRACE_MS).unref());
    return Promise.race([this.#hash, late]);
  }
}

type Described = Pick<StreamRun<never>, 'command' | 'arguments' | 'images' | 'machine' | 'interruption' | 'results'> & {
  readonly output: Pick<RunOutput<never>, 'file' | 'format'>;
};

export async function toRecord(run: Described, state: RunState, end: RunEnd): Promise<RunRecord> {
  const { card, counts } = state;
  const { seconds, imagesPerSecond } = state.speed();
  const hurried = run.interruption.signal.aborted || end.failure !== undefined;
  return {
    v: RUN_RECORD_VERSION,
    tool: 'vgg16',
    command: run.command,
    arguments: run.arguments,
    directory: process.cwd(),
    ...(await run.machine()),
    model:
      card === undefined
        ? null
        : {
            name: card.name,
            sha256: await state.hash(hurried),
            preset: card.preset.name,
            classes: card.architecture.classifier?.classes ?? null,
          },
    settings: { ...state.settings },
    output: {
      file: end.complete ? run.output.file : null,
      partial: end.partial ?? null,
      format: run.output.format,
    },
    counts: { ...counts },
    inputs: {
      total: state.total ?? (end.complete ? counts.seen : null),
      sha256: run.images.digest(),
      passedOver: run.images.passedOver.counts(),
    },
    start: state.start.toISOString(),
    end: state.finish.toISOString(),
    seconds: rounded(seconds),
    imagesPerSecond: rounded(imagesPerSecond),
    exitCode: end.exitCode,
    ...(run.results === undefined ? {} : { results: run.results() }),
    error: end.failure === undefined ? null : { code: end.failure.code, message: end.failure.message },
  };
}

/** Milliseconds are as fine as such times mean anything. */
function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}
