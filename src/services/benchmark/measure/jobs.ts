/** What the measuring process is told, and what it answers: plain data between two processes. */

import type { DecodeMode } from '../../../images/load.js';
import type { OpenOptions } from '../../../models/open.js';
import type { Precision } from '../../../network/precision.js';
import type { Measured } from '../report/report.js';

/** How much is measured. */
export interface Repeats {
  /** Images that are timed together. */
  readonly batchSize: number;
  /** Batches before the measured ones. */
  readonly warmUp: number;
  /** Measured batches, at least 1. */
  readonly runs: number;
}

/** An image file: absolute path as bytes, and as shown. */
export interface Photo {
  readonly file: Uint8Array;
  readonly path: string;
}

/** How images become pixels; the sizes are the model's. */
export interface Preprocessing {
  readonly resize: number;
  readonly crop: number;
  readonly autoOrient: boolean;
  readonly decode: DecodeMode;
  readonly maxPixels: number;
}

export interface DecodeJob extends Repeats {
  readonly kind: 'decode' | 'preprocess';
  readonly photos: readonly Photo[];
  readonly preprocessing: Preprocessing;
  /** Images decoded at the same time. */
  readonly workers: number;
}

/** The network of a job. */
export interface NetworkJob extends Repeats {
  readonly model: string;
  readonly open: OpenOptions;
  readonly precision: Precision;
  readonly threads: number;
}

export interface ModelJob extends NetworkJob {
  readonly kind: 'model';
}

export interface PipelineJob extends NetworkJob {
  readonly kind: 'pipeline';
  readonly photos: readonly Photo[];
  readonly preprocessing: Preprocessing;
  readonly workers: number;
}

/** The rate of a large matrix product. */
export interface PeakJob {
  readonly kind: 'peak';
  readonly precision: Precision;
  readonly threads: number;
}

export type Job = DecodeJob | ModelJob | PipelineJob | PeakJob;

/** To the measuring process, once. */
export interface JobMessage {
  readonly job: Job;
  /** When the process was started, in milliseconds since 1970, with fractions. */
  readonly started: number;
}

/** From it: any number of `batch`, then one of the others. */
export type JobReply =
  /** A batch is done, warm-up or not. */
  | { readonly type: 'batch' }
  | { readonly type: 'measured'; readonly measured: Measured }
  /** Operations a second. */
  | { readonly type: 'peak'; readonly peak: number }
  | { readonly type: 'failed'; readonly error: JobError };

export interface JobError {
  readonly code: string;
  readonly message: string;
  /** Of a RunError; 1 for anything else. */
  readonly exitCode: number;
}

/** Milliseconds since 1970, with fractions, of a clock that only goes forward. */
export function epochMs(): number {
  return performance.timeOrigin + performance.now();
}
