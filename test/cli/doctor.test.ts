import { describe, expect, it } from 'vitest';
import { diagnosisText } from '../../src/cli/doctor.js';
import { styleOf } from '../../src/cli/terminal/style.js';
import type { Diagnosis } from '../../src/services/doctor.js';

const WELL: Diagnosis = {
  ok: true,
  vgg16: '0.1.0',
  node: { version: '22.1.0', required: '>=20.9.0', platform: 'linux-x64' },
  tensorflow: {
    version: '2.21.0',
    tfjsNode: '4.22.0',
    route: 'wheel',
    folder: '/cache/runtime/one',
    compiler: 'g++ 12.2.0',
  },
  sharp: { sharp: '0.35.5', libvips: '8.18.7' },
  cpu: {
    model: 'Xeon',
    ...{
      avx2: true,
      avx512f: true,
      avx512Vnni: false,
      avxVnni: false,
      avx512Bf16: false,
      amxBf16: true,
      amxInt8: false,
    },
  },
  threads: { available: 4, processors: 8 },
  cache: {
    folder: '/cache',
    writable: true,
    bytes: 853_400_000,
    runtimes: [{ name: 'one', bytes: 850_000_000 }],
    models: [{ name: 'imagenet.safetensors', bytes: 3_400_000 }],
  },
  problems: [],
};

describe('diagnosisText', () => {
  it('shows what is there', () => {
    expect(diagnosisText(WELL, styleOf(false))).toBe(`vgg16       0.1.0
Node        22.1.0 (linux-x64)
TensorFlow  2.21.0 (from its wheel, addon by g++ 12.2.0)
            /cache/runtime/one
tfjs-node   4.22.0
sharp       0.35.5 (libvips 8.18.7)
CPU         Xeon
            AVX2 AVX-512 AMX-BF16
Threads     4 of 8
Cache       /cache (853 MB)
Runtimes    one (850 MB)
Models      imagenet.safetensors (3.4 MB)

Everything works.`);
  });

  it("names tfjs-node's own download as the route", () => {
    const official = { ...WELL.tensorflow, version: '2.9.1', route: 'official', compiler: null } as const;
    expect(diagnosisText({ ...WELL, tensorflow: official }, styleOf(false))).toContain(
      "TensorFlow  2.9.1 (tfjs-node's own download)",
    );
  });

  it('shows what is missing, what is wrong and what to type', () => {
    const text = diagnosisText(
      {
        ...WELL,
        ok: false,
        tensorflow: { version: null, tfjsNode: null, route: null, folder: null, compiler: null },
        problems: [{ part: 'tensorflow', message: 'tfjs-node has no TensorFlow.', hint: 'node /x/install.mjs' }],
      },
      styleOf(false),
    );
    expect(text).toContain('TensorFlow  missing\ntfjs-node   missing\n');
    expect(text).toMatch(/\n\nproblem: tfjs-node has no TensorFlow\.\ntype: {4}node \/x\/install\.mjs$/);
  });

  it('lets no name of a file steer the terminal', () => {
    const models = [{ name: 'a\u001B[2J.safetensors', bytes: 1 }];
    expect(diagnosisText({ ...WELL, cache: { ...WELL.cache, models } }, styleOf(false))).not.toContain('\u001B');
  });
});
