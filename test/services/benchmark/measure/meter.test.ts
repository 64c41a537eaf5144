import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Meter } from '../../../../src/services/benchmark/measure/meter.js';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** A meter whose images take the times that are given, in milliseconds. */
function measured(
  repeats: ConstructorParameters<typeof Meter>[0],
  times: readonly (readonly [number, number, number])[],
) {
  const onBatch = vi.fn();
  const meter = new Meter(repeats, onBatch);
  for (const [ms, images, failed] of times) {
    vi.advanceTimersByTime(ms);
    meter.add(images, failed);
  }
  return { meter, onBatch };
}

describe('Meter', () => {
  it('leaves the warm-up out of every figure', () => {
    const { meter, onBatch } = measured({ batchSize: 4, warmUp: 1, runs: 2 }, [
      [9000, 4, 0],
      [100, 4, 0],
      [300, 4, 0],
    ]);
    expect(meter.done).toBe(true);
    expect(onBatch).toHaveBeenCalledTimes(3);
    expect(meter.result(null)).toMatchObject({ images: 8, failed: 0, seconds: 0.4, imagesPerSecond: 20 });
    expect(meter.result(null).batchMs).toMatchObject({ p50: 200 });
  });

  it('collects images until they are a batch, and scales the time of more than one', () => {
    const { meter } = measured({ batchSize: 4, warmUp: 0, runs: 2 }, [
      [50, 2, 0],
      [50, 2, 0],
      [300, 6, 0],
    ]);
    const { images, batchMs, seconds } = meter.result(null);
    expect({ images, seconds }).toEqual({ images: 10, seconds: 0.4 });
    expect(batchMs.p50).toBe(150); // of 100 and 300 * 4 / 6
  });

  it('counts images that failed in no rate', () => {
    const { meter } = measured({ batchSize: 4, warmUp: 0, runs: 1 }, [[100, 3, 1]]);
    expect(meter.result(null)).toMatchObject({ images: 3, failed: 1, imagesPerSecond: 30 });
  });

  it('takes note of nothing once it is done', () => {
    const { meter } = measured({ batchSize: 1, warmUp: 0, runs: 1 }, [
      [100, 1, 0],
      [100, 1, 0],
    ]);
    expect(meter.result(null)).toMatchObject({ images: 1, seconds: 0.1 });
  });

  it('has no result where every image failed', () => {
    const { meter } = measured({ batchSize: 2, warmUp: 0, runs: 1 }, [[100, 0, 2]]);
    expect(() => meter.result(null)).toThrow('Expected at least one image that can be read but all failed.');
  });

  it('reads the memory of this process', () => {
    const { meter } = measured({ batchSize: 1, warmUp: 0, runs: 1 }, [[1, 1, 0]]);
    expect(meter.result(null).peakMemory).toBeGreaterThanOrEqual(process.memoryUsage.rss() / 2);
    expect(meter.result(null).peakMemory).toBeLessThan(64e9);
  });
});
