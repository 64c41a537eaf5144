import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { describe, expect, it } from 'vitest';
import { Session } from '../../src/engine/session.js';
import { configureTensorFlow } from '../../src/engine/tensorflow.js';
import { openModel } from '../../src/models/open.js';
import { modelFixture } from './files.js';

configureTensorFlow({ threads: 2 });

/** Written by fixtures/models/make_slim.py with PyTorch. */
const expected = JSON.parse(readFileSync(modelFixture('../expected/slim.json'), 'utf8')) as {
  readonly inputSize: number;
  readonly logits: readonly (readonly number[])[];
  readonly firstBytes: readonly (readonly number[])[];
};

const IMAGE_BYTES = expected.inputSize ** 2 * 3;

/** make_slim.py's images, one after the other. */
function images(): Uint8Array {
  const count = expected.logits.length * IMAGE_BYTES;
  return Uint8Array.from({ length: count }, (_, i) => Math.imul(i, 2654435761) >>> 24);
}

/** From the bytes of a weight file to PyTorch's numbers: names, places, axis orders and the preset all have to be right. */
describe.each([
  ['slim-torchvision.pth', 1e-5],
  ['slim-torchvision-legacy.pth', 1e-5],
  ['slim-torchvision.safetensors', 1e-5],
  ['slim-timm.safetensors', 1e-5],
  // Weights of 8 bits, each off by up to 0.4 %.
  ['slim-torchvision-bf16.safetensors', 2e-2],
])('%s', (name, tolerance) => {
  it("gives PyTorch's logits", async () => {
    const pixels = images();
    expected.firstBytes.forEach((bytes, n) => {
      expect([...pixels.subarray(n * IMAGE_BYTES, n * IMAGE_BYTES + bytes.length)]).toEqual(bytes);
    });
    const model = await openModel(modelFixture(name), { seed: 0, cacheDir: tmpdir(), env: {} });
    const session = await Session.open({ model, precision: 'f32', outputs: [{ kind: 'layer', layer: 'fc8' }] });
    try {
      const { fc8 } = session.run(pixels.buffer as ArrayBuffer, expected.logits.length);
      const logits = expected.logits.flat();
      const magnitude = Math.max(...logits.map(Math.abs));
      const difference = Math.max(...logits.map((value, i) => Math.abs((fc8?.data[i] ?? Number.NaN) - value)));
      expect(difference / magnitude).toBeLessThan(tolerance);
    } finally {
      session.close();
    }
  });
});
