import { describe, expect, test } from 'vitest';
import { passedOverLine, readyLine } from '../../../src/cli/run/report.js';
import { RunState } from '../../../src/cli/run/state.js';
import { PassedOver } from '../../../src/images/list/passed-over.js';
import { vgg16 } from '../../../src/network/architecture.js';
import { PRESETS } from '../../../src/network/preset.js';

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

describe('the line of what was passed over', () => {
  const line = (names: readonly string[], counts: Partial<PassedOver> = {}) => {
    const passedOver = Object.assign(new PassedOver(), counts);
    for (const name of names) passedOver.addOther(name);
    return passedOverLine(passedOver);
  };
  const HEIC = Array.from({ length: 1200 }, (_, i) => `${i}.heic`);

  test.each([
    [['a.heic'], {}, '1 file with another extension (1 .heic) passed over.'],
    [['README'], {}, '1 file with another extension passed over.'],
    [
      [...HEIC, 'a.mp4', 'b.mp4', 'c.txt', 'd.xmp'],
      { links: 3 },
      '1,204 files with other extensions (1,200 .heic, 2 .mp4, 1 .txt), 3 links passed over.',
    ],
    [[], { links: 1, hidden: 1 }, '1 link, 1 hidden file or folder passed over.'],
    [[], { hidden: 2 }, '2 hidden files or folders passed over.'],
  ])('of %.0j and %j', (names, counts, expected) => {
    expect(line(names, counts)).toBe(expected);
  });

  test('is none where nothing was, or what --exclude takes out', () => {
    expect(line([])).toBeUndefined();
    expect(line([], { excluded: 7 })).toBeUndefined();
  });
});
