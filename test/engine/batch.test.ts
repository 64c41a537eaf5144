import { expect, it } from 'vitest';
import { Session } from '../../src/engine/session.js';
import { configureTensorFlow } from '../../src/engine/tensorflow.js';
import { openModel } from '../../src/models/open.js';
import { batchOf, testImages } from './reference.js';

configureTensorFlow({ threads: 2 });

/** Of `mini`: its automatic batch. */
const WHOLE = 256;

/** Among them sizes whose rows two threads shared out unevenly, so that three of them were summed in another order. */
const SIZES = [1, 2, 4, 70, 75, 83, 119, 131, 168, 183, 215, 231, 255];

it('an image has the same bits in batches of any size, at any place', async () => {
  const model = await openModel('mini', { seed: 0, cacheDir: '/nonexistent' });
  const session = await Session.open({
    model,
    precision: 'f32',
    outputs: [
      { kind: 'layer', layer: 'fc7' },
      { kind: 'layer', layer: 'fc8' },
    ],
  });
  const size = model.card.architecture.inputSize;
  const images = Array.from({ length: WHOLE / 4 }, (_, seed) => testImages(size, seed)).flat();
  const run = (some: readonly Uint8Array[], layer: string) => {
    const { data, shape } = session.run(batchOf(some), some.length)[layer] as { data: Float32Array; shape: number[] };
    expect(shape[0]).toBe(some.length);
    const width = data.length / some.length;
    return some.map((_, i) => Buffer.from(data.slice(i * width, (i + 1) * width).buffer).toString('base64'));
  };
  for (const layer of ['fc7', 'fc8']) {
    const expected = run(images, layer);
    for (const count of SIZES) expect(run(images.slice(0, count), layer), `${count}`).toEqual(expected.slice(0, count));
    const turned = [...images.slice(100), ...images.slice(0, 100)];
    expect(run(turned, layer)).toEqual([...expected.slice(100), ...expected.slice(0, 100)]);
  }
});
