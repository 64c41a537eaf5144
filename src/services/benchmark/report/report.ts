/** What a benchmark found: the document that `--json` prints and `benchmark compare` reads. */

import type { Precision } from '../../../network/precision.js';
import type { Machine } from '../../../output/store/run-record.js';

import type { Percentiles } from './statistics.js';

/** Raised when a key changes its meaning or goes away. */
export const REPORT_VERSION = 1;

/** Parts of the tool that are measured, in the order of the report. */
export const PARTS = ['decode', 'preprocess', 'model', 'pipeline'] as const;

/**
 * `decode`: file to the pixels that the network sees. `preprocess`: the same without decompression. `model`: the network
 * alone. `pipeline`: files to rows, all of it.
 */
export type MeasuredPart = (typeof PARTS)[number];

/** Which measurement it is: two reports have the same one where all of these are equal. */
export interface ResultKey {
  readonly part: MeasuredPart;
  /** `null` where the network takes no part; the same for `threads`. */
  readonly precision: Precision | null;
  /** Images that are timed together. */
  readonly batchSize: number;
  /** TensorFlow's. */
  readonly threads: number | null;
}

export interface Measured {
  /** Of the measured batches. */
  readonly images: number;
  /** Images that could not be read; they count in no rate. */
  readonly failed: number;
  readonly seconds: number;
  readonly imagesPerSecond: number;
  /** Time of a batch, in milliseconds. */
  readonly batchMs: Percentiles;
  /** Largest resident set of the process, in bytes. */
  readonly peakMemory: number;
  /** CPU time of all threads. */
  readonly cpuSecondsPerImage: number;
  /** Seconds from the start of the process; `null` where no model is opened. */
  readonly startUp: { readonly modelReady: number; readonly firstResult: number } | null;
}

export interface Success extends ResultKey, Measured {
  readonly status: 'ok';
  /** Images decoded at the same time; `null` where none are. */
  readonly workers: number | null;
  /**
   * Floating-point operations a second: of the network, and of a large matrix product in the same precision on the same
   * threads. `null` where there is no network, or where the product could not be measured.
   */
  readonly flops: { readonly achieved: number; readonly peak: number; readonly share: number } | null;
}

export interface Failure extends ResultKey {
  readonly status: 'error';
  readonly workers: number | null;
  readonly error: { readonly code: string; readonly message: string };
}

export type Result = Success | Failure;

export interface Report {
  readonly v: typeof REPORT_VERSION;
  readonly tool: 'vgg16';
  readonly command: 'benchmark';
  /** ISO 8601, UTC. */
  readonly start: string;
  readonly machine: Machine & {
    /** `available` is what a run uses by default, `processors` what this process may run on. */
    readonly threads: { readonly available: number; readonly processors: number };
  };
  readonly model: {
    readonly name: string;
    /** sha256 of the file in hex; `null` for generated weights. */
    readonly sha256: string | null;
    readonly source: string | null;
    readonly inputSize: number;
    readonly classes: number | null;
    /** Multiply-accumulates of one image. */
    readonly macs: number;
  };
  readonly settings: {
    readonly decode: 'exact' | 'fast';
    readonly autoOrient: boolean;
    /** Images decoded at the same time; `null` where none are. */
    readonly workers: number | null;
    /** Batches before the measured ones. */
    readonly warmUp: number;
    /** Measured batches. */
    readonly runs: number;
    readonly images: { readonly kind: 'synthetic' | 'given'; readonly count: number; readonly bytes: number };
  };
  /** False where it was interrupted: then some results are missing. */
  readonly complete: boolean;
  readonly results: readonly Result[];
}

/** Whether two results are measurements of the same thing. */
export function sameKey(a: ResultKey, b: ResultKey): boolean {
  return a.part === b.part && a.precision === b.precision && a.batchSize === b.batchSize && a.threads === b.threads;
}
