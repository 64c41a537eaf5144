/** Reports of a benchmark, made up for tests. */

import type { Failure, Report, Success } from '../../../../src/services/benchmark/report/report.js';

export function success(changes: Partial<Success> = {}): Success {
  return {
    part: 'model',
    precision: 'f32',
    batchSize: 16,
    threads: 2,
    workers: null,
    status: 'ok',
    images: 160,
    failed: 0,
    seconds: 20,
    imagesPerSecond: 8,
    batchMs: { p50: 2000, p90: 2100, p99: 2200 },
    peakMemory: 1_900_000_000,
    cpuSecondsPerImage: 0.25,
    startUp: { modelReady: 2, firstResult: 2.5 },
    flops: { achieved: 247e9, peak: 260e9, share: 0.95 },
    ...changes,
  };
}

export function failure(changes: Partial<Failure> = {}): Failure {
  return {
    part: 'model',
    precision: 'f32',
    batchSize: 16,
    threads: 2,
    workers: null,
    status: 'error',
    error: { code: 'INTERNAL', message: 'The measuring process ended with SIGKILL (out of memory?).' },
    ...changes,
  };
}

export const DECODE: Success = success({
  part: 'decode',
  precision: null,
  batchSize: 64,
  threads: null,
  workers: 4,
  imagesPerSecond: 500,
  batchMs: { p50: 128, p90: 130, p99: 140 },
  startUp: null,
  flops: null,
});

export function report(changes: Partial<Report> = {}): Report {
  return {
    v: 1,
    tool: 'vgg16',
    command: 'benchmark',
    start: '2025-01-01T00:00:00.000Z',
    machine: {
      versions: {
        vgg16: '0.1.0',
        node: '20.20.2',
        tensorflow: '2.21.0',
        'tfjs-node': '4.22.0',
        sharp: '0.35.5',
        libvips: '8.18.7',
      },
      platform: 'linux-x64',
      cpu: { model: 'Xeon', features: ['avx2'] },
      threads: { available: 2, processors: 4 },
    },
    model: {
      name: 'random',
      sha256: null,
      source: 'random weights, seed 0',
      inputSize: 224,
      classes: 1000,
      macs: 15_470_264_320,
    },
    settings: {
      decode: 'exact',
      autoOrient: true,
      workers: 4,
      warmUp: 2,
      runs: 10,
      images: { kind: 'synthetic', count: 8, bytes: 880_000 },
    },
    complete: true,
    results: [success(), DECODE],
    ...changes,
  };
}
