/** Measures the parts of this tool on this machine, each combination of settings in a process of its own. */

import { availableParallelism } from 'node:os';
import type { ImageList } from '../../images/list/find.js';
import type { DecodeMode } from '../../images/load.js';
import { availableThreads, cpuFeatures } from '../../machine/cpu.js';
import { modelHash } from '../../models/catalog/model-hash.js';
import { type OpenOptions, openModel } from '../../models/open.js';
import type { Model } from '../../network/card.js';
import { describeMachine } from '../pipeline/machine.js';
import { macsOf } from '../pipeline/settings.js';
import type { Job, Repeats } from './measure/jobs.js';
import { openPhotos, type Photos } from './measure/photos.js';
import { type PlanOptions, planSteps, type Step } from './measure/plan.js';
import { type BatchDone, runJob } from './measure/run-job.js';
import { type Measured, REPORT_VERSION, type Report, type Result } from './report/report.js';

export interface BenchmarkOptions extends PlanOptions, Omit<Repeats, 'batchSize'> {
  /** A known name or the path of a weight file. */
  readonly model: string;
  readonly open: OpenOptions;
  /** `null`: synthetic ones. */
  readonly images: ImageList | null;
  readonly autoOrient: boolean;
  readonly decode: DecodeMode;
  readonly maxPixels: number;
  /** Aborted: the measurement in progress is given up, and the report holds those before it. */
  readonly signal: AbortSignal;
}

export type BenchmarkEvent =
  /** Once, first: batches to come, those of warm-ups too. */
  | { readonly type: 'plan'; readonly steps: number; readonly batches: number }
  /** A measurement begins; `step` counts from 1. */
  | { readonly type: 'step'; readonly step: number; readonly key: Step }
  /** One batch of it is done. */
  | BatchDone
  | { readonly type: 'result'; readonly result: Result; readonly exitCode: number };

/** Returns the report. Throws a RunError when the model cannot be used at all; what fails later is a result. */
export async function* benchmark(options: BenchmarkOptions): AsyncGenerator<BenchmarkEvent, Report> {
  const start = new Date().toISOString();
  const model = await openModel(options.model, options.open);
  const { architecture } = model.card;
  const steps = planSteps(options, architecture, cpuFeatures());
  const batchesOf = options.warmUp + options.runs;
  yield { type: 'plan', steps: steps.length, batches: steps.length * batchesOf };

  const photos = await openPhotos(options.images, options.signal);
  const peaks = new Peaks(options.signal);
  const results: Result[] = [];
  try {
    for (const [i, key] of steps.entries()) {
      if (options.signal.aborted) break;
      yield { type: 'step', step: i + 1, key };
      const reply = yield* runJob(jobOf(key, options, model, photos), options.signal);
      if (options.signal.aborted) break;
      if (reply.type === 'measured') {
        const flops = await flopsOf(key, reply.measured, macsOf(architecture), peaks);
        const result: Result = { ...key, status: 'ok', ...reply.measured, flops };
        results.push(result);
        yield { type: 'result', result, exitCode: 0 };
      } else if (reply.type === 'failed') {
        const { exitCode, ...error } = reply.error;
        const result: Result = { ...key, status: 'error', error };
        results.push(result);
        yield { type: 'result', result, exitCode };
      }
    }
  } finally {
    await photos.remove();
  }
  return {
    v: REPORT_VERSION,
    tool: 'vgg16',
    command: 'benchmark',
    start,
    machine: {
      ...(await describeMachine()),
      threads: { available: availableThreads(), processors: availableParallelism() },
    },
    model: await describeModel(model, options.open.cacheDir),
    settings: settingsOf(options, steps, photos),
    complete: results.length === steps.length,
    results,
  };
}

function jobOf(step: Step, options: BenchmarkOptions, { card }: Model, { photos }: Photos): Job {
  const { warmUp, runs, model, open, autoOrient, decode, maxPixels } = options;
  const { resize, crop } = card.preset;
  const { batchSize, precision, threads, workers } = step;
  const preprocessing = { resize, crop, autoOrient, decode, maxPixels };
  const repeats: Repeats = { batchSize, warmUp, runs };
  if (precision === null || threads === null) {
    const kind = step.part === 'preprocess' ? 'preprocess' : 'decode';
    return { kind, ...repeats, photos, preprocessing, workers: workers ?? 1 };
  }
  const network = { ...repeats, model, open, precision, threads };
  if (workers === null) return { kind: 'model', ...network };
  return { kind: 'pipeline', ...network, photos, preprocessing, workers };
}

/** The rates of matrix products, each measured when it is first asked for. */
class Peaks {
  readonly #signal: AbortSignal;
  readonly #known = new Map<string, Promise<number | null>>();

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  get(precision: NonNullable<Step['precision']>, threads: number): Promise<number | null> {
    const key = `${precision} ${threads}`;
    const known = this.#known.get(key) ?? this.#measure({ kind: 'peak', precision, threads });
    this.#known.set(key, known);
    return known;
  }

  async #measure(job: Job): Promise<number | null> {
    const { value } = await runJob(job, this.#signal).next();
    return value?.type === 'peak' ? value.peak : null;
  }
}

async function flopsOf(
  { precision, threads }: Step,
  { imagesPerSecond }: Measured,
  macs: number,
  peaks: Peaks,
): Promise<{ achieved: number; peak: number; share: number } | null> {
  if (precision === null || threads === null) return null;
  const peak = await peaks.get(precision, threads);
  if (peak === null) return null;
  const achieved = imagesPerSecond * macs * 2; // a multiply-accumulate is two operations
  return { achieved, peak, share: achieved / peak };
}

async function describeModel(model: Model, cacheDir: string): Promise<Report['model']> {
  const { name, source, architecture } = model.card;
  return {
    name,
    sha256: await modelHash(model, cacheDir),
    source,
    inputSize: architecture.inputSize,
    classes: architecture.classifier?.classes ?? null,
    macs: macsOf(architecture),
  };
}

function settingsOf(options: BenchmarkOptions, steps: readonly Step[], photos: Photos): Report['settings'] {
  const { decode, autoOrient, warmUp, runs } = options;
  const workers = steps.find((step) => step.workers !== null)?.workers ?? null;
  const { kind, bytes } = photos;
  return { decode, autoOrient, workers, warmUp, runs, images: { kind, count: photos.photos.length, bytes } };
}
