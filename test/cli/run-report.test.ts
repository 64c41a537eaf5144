import { expect, test } from 'vitest';
import { readyLine } from '../../src/cli/run-report.js';
import { RunState } from '../../src/cli/run-state.js';
import { vgg16 } from '../../src/model/architecture.js';
import { PRESETS } from '../../src/model/preset.js';

test('the ready line says what each automatic setting follows from', () => {
  const state = new RunState();
  state.ready({
    type: 'ready',
    card: {
      name: 'slim',
      architecture: vgg16(1000),
      preset: PRESETS.torchvision,
      ...{ labels: null, license: null, source: null, accuracy: null },
    },
    modelHash: Promise.resolve(null),
    total: 2,
    settings: {
      ...{ batchSize: 4, workers: 8, threads: 2, precision: 'f32' },
      chosen: { batchSize: 'memory 2.0 GiB (cgroup)', threads: 'cgroup 2.0' },
    },
  });
  expect(readyLine(state)).toMatch(
    /: 1,000 classes, preset torchvision, batchSize 4 \(memory 2\.0 GiB \(cgroup\)\), workers 8, threads 2 \(cgroup 2\.0\), precision f32\.$/,
  );
});
