import { describe, expect, it } from 'vitest';
import { belowRatio, compareReports } from '../../../src/services/benchmark/compare.js';
import { DECODE, failure, report, success } from './report/reports.js';

const MODEL_KEY = { part: 'model', precision: 'f32', batchSize: 16, threads: 2 };

describe('compareReports', () => {
  it('divides the figures of B by those of A', () => {
    const faster = success({ imagesPerSecond: 10, batchMs: { p50: 1600, p90: 1680, p99: 2200 }, peakMemory: 950e6 });
    const { matches, ...rest } = compareReports(
      report({ results: [success()] }),
      report({ results: [{ ...faster, startUp: { modelReady: 1, firstResult: 2 } }] }),
    );
    expect(rest).toEqual({ differences: [], failed: [], onlyA: [], onlyB: [] });
    expect(matches).toEqual([
      {
        ...MODEL_KEY,
        figures: {
          imagesPerSecond: { a: 8, b: 10, ratio: 1.25 },
          p50Ms: { a: 2000, b: 1600, ratio: 0.8 },
          p90Ms: { a: 2100, b: 1680, ratio: 0.8 },
          p99Ms: { a: 2200, b: 2200, ratio: 1 },
          peakMemory: { a: 1.9e9, b: 9.5e8, ratio: 0.5 },
          cpuSecondsPerImage: { a: 0.25, b: 0.25, ratio: 1 },
          modelReady: { a: 2, b: 1, ratio: 0.5 },
          firstResult: { a: 2.5, b: 2, ratio: 0.8 },
        },
      },
    ]);
  });

  it('has no start-up where no model was opened', () => {
    const [match] = compareReports(report({ results: [DECODE] }), report({ results: [DECODE] })).matches;
    expect(Object.keys(match?.figures ?? {})).toEqual([
      'imagesPerSecond',
      'p50Ms',
      'p90Ms',
      'p99Ms',
      'peakMemory',
      'cpuSecondsPerImage',
    ]);
  });

  it.each([
    ['part', { part: 'pipeline' }],
    ['precision', { precision: 'bf16' }],
    ['batch size', { batchSize: 32 }],
    ['threads', { threads: 1 }],
  ] as const)('does not take two measurements of another %s for the same', (_, change) => {
    const { matches, onlyA, onlyB } = compareReports(
      report({ results: [success()] }),
      report({ results: [success(change)] }),
    );
    expect(matches).toEqual([]);
    expect(onlyA).toEqual([MODEL_KEY]);
    expect(onlyB).toEqual([{ ...MODEL_KEY, ...change }]);
  });

  it('finds a measurement wherever it stands in the other file', () => {
    const { matches } = compareReports(report(), report({ results: [DECODE, success({ imagesPerSecond: 16 })] }));
    expect(matches.map(({ part, figures }) => [part, figures.imagesPerSecond.ratio])).toEqual([
      ['model', 2],
      ['decode', 1],
    ]);
  });

  it('tells which of the two failed, and compares nothing there', () => {
    const { matches, failed } = compareReports(report({ results: [success()] }), report({ results: [failure()] }));
    expect(matches).toEqual([]);
    expect(failed).toEqual([{ ...MODEL_KEY, a: null, b: failure().error }]);
  });

  it('names what differs between the machines, the models and the settings', () => {
    const other = report();
    const { differences } = compareReports(report(), {
      ...other,
      machine: {
        ...other.machine,
        cpu: { model: 'EPYC', features: [] },
        versions: { ...other.machine.versions, tensorflow: '2.20.0' },
      },
      model: { ...other.model, source: 'random weights, seed 1' },
      settings: { ...other.settings, workers: 8 },
    });
    expect(differences).toEqual([
      { what: 'CPU', a: 'Xeon', b: 'EPYC' },
      { what: 'tensorflow', a: '2.21.0', b: '2.20.0' },
      { what: 'weights', a: 'random weights, seed 0', b: 'random weights, seed 1' },
      { what: 'workers', a: '4', b: '8' },
    ]);
  });
});

describe('belowRatio', () => {
  const at = (imagesPerSecond: number) =>
    compareReports(report({ results: [success()] }), report({ results: [success({ imagesPerSecond })] }));

  it('takes the ratio itself for enough', () => {
    expect(belowRatio(at(4), 0.5)).toEqual([]);
    expect(belowRatio(at(3.99), 0.5)).toEqual([MODEL_KEY]);
  });

  it('does not let through what failed in B alone', () => {
    const [good, bad] = [report({ results: [success()] }), report({ results: [failure()] })];
    expect(belowRatio(compareReports(good, bad), 0)).toEqual([MODEL_KEY]);
    expect(belowRatio(compareReports(bad, good), 0)).toEqual([]);
    expect(belowRatio(compareReports(bad, bad), 0)).toEqual([]);
  });
});
