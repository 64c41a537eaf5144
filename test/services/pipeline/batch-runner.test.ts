import { describe, expect, it } from 'vitest';
import { type BatchResult, OutOfMemoryError } from '../../../src/engine/engine.js';
import { BatchRunner } from '../../../src/services/pipeline/batch-runner.js';

const IMAGE_BYTES = 3;

/** An engine with memory for `room` images, whose output of an image is its first byte. */
class SmallEngine {
  readonly sizes: number[] = [];
  room: number;

  constructor(room: number) {
    this.room = room;
  }

  async run(pixels: ArrayBuffer, count: number): Promise<BatchResult> {
    await new Promise((resolve) => setTimeout(resolve, 1));
    this.sizes.push(count);
    if (pixels.byteLength / IMAGE_BYTES > this.room) throw new OutOfMemoryError('OOM when allocating');
    const bytes = new Uint8Array(pixels);
    const data = Float32Array.from({ length: count }, (_, i) => bytes[i * IMAGE_BYTES] as number);
    return { outputs: { first: { shape: [count], data } }, pixels };
  }
}

const images = (count: number, from = 0) => Array.from({ length: count }, (_, i) => Uint8Array.of(from + i, 0, 0));

function runnerOf(engine: Pick<SmallEngine, 'run'>, batchSize: number) {
  const told: number[] = [];
  const onSmaller = (size: number) => told.push(size);
  return {
    told,
    runner: new BatchRunner({ engine: async () => engine, batchSize, imageBytes: IMAGE_BYTES, onSmaller }),
  };
}

const valuesOf = async (pieces: ReturnType<BatchRunner['run']>) =>
  ((await pieces) ?? []).flatMap(({ outputs }) => [...(outputs.first?.data ?? [])]);

const COUNTING = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];

describe('BatchRunner', () => {
  it('computes a batch as one where there is memory', async () => {
    const engine = new SmallEngine(16);
    const { runner, told } = runnerOf(engine, 16);
    expect(await valuesOf(runner.run(images(10)))).toEqual(COUNTING);
    expect(engine.sizes).toEqual([10]);
    expect(told).toEqual([]);
  });

  it('halves a batch that has no memory until it fits, and gives every image its own result', async () => {
    const engine = new SmallEngine(3);
    const { runner, told } = runnerOf(engine, 10);
    expect(await valuesOf(runner.run(images(10)))).toEqual(COUNTING);
    expect(told).toEqual([5, 3]);
    expect(runner.batchSize).toBe(3);
    expect(engine.sizes).toEqual([10, 5, 3, 3, 3, 1]);
  });

  it('stays with the smaller size', async () => {
    const engine = new SmallEngine(4);
    const { runner } = runnerOf(engine, 8);
    await runner.run(images(8));
    engine.sizes.length = 0;
    expect(await valuesOf(runner.run(images(8, 100)))).toEqual([100, 101, 102, 103, 104, 105, 106, 107]);
    expect(engine.sizes).toEqual([4, 4]);
  });

  it('halves once for two batches that fail at the same time', async () => {
    const { runner, told } = runnerOf(new SmallEngine(4), 8);
    const [first, second] = await Promise.all([valuesOf(runner.run(images(8))), valuesOf(runner.run(images(8, 8)))]);
    expect([...first, ...second]).toEqual([...COUNTING, 10, 11, 12, 13, 14, 15]);
    expect(told).toEqual([4]);
  });

  it('goes on when memory runs out later', async () => {
    const engine = new SmallEngine(8);
    const { runner, told } = runnerOf(engine, 8);
    await runner.run(images(8));
    engine.room = 2;
    expect(await valuesOf(runner.run(images(5)))).toEqual([0, 1, 2, 3, 4]);
    expect(told).toEqual([4, 2]);
  });

  it('fails where there is no memory for a single image, with what to type', async () => {
    const { runner, told } = runnerOf(new SmallEngine(0), 4);
    await expect(runner.run(images(2))).rejects.toMatchObject({
      message: expect.stringMatching(/memory/),
      hint: expect.stringContaining('a batch size of 1'),
      exitCode: 1,
    });
    expect(told).toEqual([2, 1]);
  });

  it('does not take another failure for a lack of memory', async () => {
    let runs = 0;
    const run = async () => {
      runs += 1;
      throw new Error('a bug');
    };
    const { runner, told } = runnerOf({ run }, 8);
    await expect(runner.run(images(8))).rejects.toThrow('a bug');
    expect(runs).toBe(1);
    expect(told).toEqual([]);
  });

  it('gives null for a run that was cancelled, and nothing for no images', async () => {
    const run = async (pixels: ArrayBuffer) => ({ outputs: null, pixels });
    expect(await runnerOf({ run }, 8).runner.run(images(3))).toBeNull();
    expect(await runnerOf({ run }, 8).runner.run([])).toEqual([]);
  });
});
