import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { fillRandom, randomWeights } from '../../../src/formats/weights/random.js';
import { type Architecture, vgg16, weightLayersOf } from '../../../src/network/architecture.js';
import type { RandomSource, TensorSource } from '../../../src/network/tensors.js';

/** What NumPy made, by fixtures/expected/make_random.py. */
interface Expected {
  readonly samples: readonly (Omit<RandomSource, 'kind'> & { readonly values: readonly number[] })[];
  readonly fc6: Omit<RandomSource, 'kind'> & { readonly count: number; readonly sha256: string };
  readonly slim: {
    readonly architecture: Architecture;
    readonly seed: number;
    readonly sha256: Readonly<Record<string, { readonly kernel: string; readonly bias: string }>>;
  };
}

const expected: Expected = JSON.parse(
  readFileSync(new URL('../../../fixtures/expected/random.json', import.meta.url), 'utf8'),
);

function generate(source: TensorSource, count: number): Float32Array {
  if (source.kind !== 'random') throw new Error(`Expected a generated tensor but received a ${source.kind}.`);
  const values = new Float32Array(count);
  fillRandom(values, source);
  return values;
}

const sha256 = (values: Float32Array) => createHash('sha256').update(values).digest('hex');

describe('fillRandom', () => {
  it.each(expected.samples)(
    'makes the values that NumPy makes for seed $seed, stream $stream',
    ({ values, ...source }) => {
      expect(Array.from(generate({ kind: 'random', ...source }, values.length))).toEqual(values);
    },
  );

  it("makes NumPy's bits for all 102,760,448 values of the full-size fc6", () => {
    const { count, sha256: hash, ...source } = expected.fc6;
    expect(sha256(generate({ kind: 'random', ...source }, count))).toBe(hash);
  });

  it('fills [-bound, bound) evenly', () => {
    const values = generate({ kind: 'random', seed: 5, stream: 3, bound: 2 }, 100_000);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const variance = values.reduce((sum, value) => sum + value * value, 0) / values.length;
    expect(values.every((value) => value >= -2 && value < 2)).toBe(true);
    expect(Math.abs(mean)).toBeLessThan(0.02); // five standard errors: 5 * 2 / sqrt(3 * 100,000)
    expect(variance).toBeCloseTo(4 / 3, 1);
  });
});

describe('randomWeights', () => {
  const { architecture, seed, sha256: hashes } = expected.slim;

  it("makes NumPy's bits for every tensor of a slim network", () => {
    const weights = randomWeights(architecture, seed);
    const actual = Object.fromEntries(
      weightLayersOf(architecture).map(({ name, kernelShape }) => {
        const source = weights[name];
        if (source === undefined) throw new Error(`Expected weights of ${name} but received none.`);
        const count = kernelShape.reduce((product, size) => product * size, 1);
        return [
          name,
          {
            kernel: sha256(generate(source.kernel, count)),
            bias: sha256(generate(source.bias, kernelShape.at(-1) ?? 0)),
          },
        ];
      }),
    );
    expect(actual).toEqual(hashes);
  });

  it('names the layers as the paper does and gives every tensor its own stream', () => {
    const weights = randomWeights(vgg16(), 1);
    expect(Object.keys(weights)).toEqual(weightLayersOf(vgg16()).map(({ name }) => name));
    const streams = Object.values(weights).flatMap(({ kernel, bias }) => [kernel, bias]);
    expect(streams.map((source) => source.kind === 'random' && source.stream)).toEqual([...Array(32).keys()]);
  });
});
