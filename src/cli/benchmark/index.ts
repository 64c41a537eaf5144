/** `vgg16 benchmark`: flags → options → service → table, JSON or CSV. */

import { ExitCode } from '../../errors.js';
import type { Precision } from '../../network/precision.js';
import { checkOutput } from '../../output/files/check-output.js';
import { type BenchmarkEvent, benchmark } from '../../services/benchmark/index.js';
import type { MeasuredPart, Report } from '../../services/benchmark/report/report.js';
import type { CommandContext } from '../command/context.js';
import { STDOUT } from '../output/options.js';
import { type InputFlags, openInputs } from '../run/inputs.js';
import { type ModelFlags, openOptions } from '../run/model-options.js';
import { Interruption } from '../run/signals.js';
import { openProgress, type Progress, progressStyle } from '../terminal/progress.js';
import { type ReportFlags, reportFormat, writeReport } from './report/output.js';
import { failureText, keyText } from './report/text.js';

export interface BenchmarkFlags extends InputFlags, ModelFlags, ReportFlags {
  readonly parts: readonly MeasuredPart[];
  readonly precision: readonly (Precision | 'auto')[];
  readonly 'batch-size': readonly (number | 'auto')[];
  readonly threads: readonly (number | 'auto')[];
  readonly workers: number | 'auto';
  readonly 'warm-up': number;
  readonly runs: number;
  readonly 'auto-orient': boolean;
  readonly decode: 'exact' | 'fast';
  readonly 'max-pixels': number;
}

/** Resolves to the exit code. */
export async function runBenchmark(
  inputs: readonly string[],
  flags: BenchmarkFlags,
  context: CommandContext,
): Promise<number> {
  const format = reportFormat(flags);
  if (flags.output !== STDOUT) await checkOutput(flags.output, { force: flags.force === true });
  const given = inputs.length > 0 || flags['files-from'] !== undefined;
  const images = given ? await openInputs(inputs, flags, 'benchmark') : null;
  const interruption = new Interruption(() => {});
  const steps = new Steps();
  // The table names them at the end.
  const tellFailures = flags.quiet !== true && format !== 'table';
  const progress = await openProgress(progressStyle(flags), process.stderr, () => steps.text());
  try {
    const events = benchmark({
      parts: flags.parts,
      precisions: flags.precision,
      batchSizes: flags['batch-size'],
      threads: flags.threads,
      workers: flags.workers,
      warmUp: flags['warm-up'],
      runs: flags.runs,
      model: flags.model,
      open: await openOptions(flags, context.cacheDir, interruption.signal),
      images,
      autoOrient: flags['auto-orient'],
      decode: flags.decode,
      maxPixels: flags['max-pixels'],
      signal: interruption.signal,
    });
    const { report, failures } = await follow(events, steps, progress, tellFailures ? context.say : () => {});
    progress.stop();
    if (report.results.length > 0) await writeReport(report, format, flags, context.style);
    if (interruption.exitCode !== undefined) {
      const done = `${report.results.length} of ${steps.total} measurements`;
      context.say(`Interrupted (${interruption.signalName}) after ${done}.`);
      return interruption.exitCode;
    }
    return exitCodeOf(report, failures);
  } catch (error) {
    if (interruption.exitCode === undefined) throw error;
    context.say(`Interrupted (${interruption.signalName}).`);
    return interruption.exitCode;
  } finally {
    progress.stop();
    interruption.dispose();
  }
}

/** Where in the plan it is: every measurement has the same number of batches. */
class Steps {
  total = 0;
  /** Of all measurements. */
  batches = 0;
  /** Batches that are done. */
  done = 0;
  #step = 0;
  #name = '';

  begin({ step, key }: Extract<BenchmarkEvent, { type: 'step' }>): void {
    this.#step = step;
    this.#name = keyText(key);
    this.done = (step - 1) * this.#each();
  }

  /** `2 of 4: model, f32, batch 16, 2 threads (5 of 12 batches)`; before the first of them, `preparing`. */
  text(): string {
    if (this.#step === 0) return 'preparing';
    const each = this.#each();
    const done = this.done - (this.#step - 1) * each;
    return `${this.#step} of ${this.total}: ${this.#name} (${done} of ${each} batches)`;
  }

  #each(): number {
    return this.total === 0 ? 0 : this.batches / this.total;
  }
}

interface Followed {
  readonly report: Report;
  /** Exit codes of the measurements that failed. */
  readonly failures: readonly number[];
}

async function follow(
  events: ReturnType<typeof benchmark>,
  steps: Steps,
  progress: Progress,
  say: (line: string) => void,
): Promise<Followed> {
  const failures: number[] = [];
  for (;;) {
    const { value: event, done } = await events.next();
    if (done === true) return { report: event, failures };
    switch (event.type) {
      case 'plan':
        steps.total = event.steps;
        steps.batches = event.batches;
        progress.start(event.batches);
        break;
      case 'step':
        steps.begin(event);
        break;
      case 'batch':
        steps.done += 1;
        break;
      case 'result':
        if (event.result.status === 'ok') break;
        failures.push(event.exitCode);
        progress.around(() => say(failureText(event.result)));
    }
    progress.update({ seen: steps.done, ok: steps.done, failed: 0, skipped: 0 });
  }
}

/** 0 where all could be measured; what made the first fail where none could; else 3. */
function exitCodeOf({ results }: Report, failures: readonly number[]): number {
  const [first] = failures;
  if (first === undefined) return ExitCode.Ok;
  return failures.length === results.length ? first : ExitCode.SomeFailed;
}
