/** Expected activations made by other implementations (fixtures/expected), and the images that they were made of. */

import { readFileSync } from 'node:fs';
import type { OutputArray, Outputs } from '../../src/engine/session.js';
import { fillRandom, randomWeights } from '../../src/formats/weights/random.js';
import type { Architecture } from '../../src/network/architecture.js';
import type { Model } from '../../src/network/card.js';
import { PRESETS, type PresetName } from '../../src/network/preset.js';

/** Every `stride`-th value of an output, flattened in TensorFlow's order. */
export interface Sample {
  readonly stride: number;
  readonly values: Float32Array;
}

/** A file of make_torchvision.py or make_layers.py: what a network made of four images, by layer or by request. */
export interface Reference {
  readonly architecture: Architecture;
  readonly preset: 'torchvision' | 'caffe';
  readonly seed: number;
  readonly imageSeed: number;
  readonly layers: Readonly<Record<string, Sample>>;
  /** The samples that are float16, as bits. */
  readonly halves: Readonly<Record<string, { readonly stride: number; readonly bits: Uint16Array }>>;
}

export function readReference(name: string): Reference {
  const { text, strides, tensors } = readExpected(name);
  const entries = Object.entries(tensors).map(([key, bytes]) => ({ key, bytes, stride: strides[key] ?? 1 }));
  const half = ({ key }: { readonly key: string }) => key.endsWith('/f16');
  return {
    architecture: JSON.parse(text('architecture')),
    preset: text('preset') as Reference['preset'],
    seed: Number(text('seed')),
    imageSeed: Number(text('imageSeed')),
    layers: Object.fromEntries(
      entries
        .filter((entry) => !half(entry))
        .map(({ key, stride, bytes }) => [key, { stride, values: new Float32Array(bytes) }]),
    ),
    halves: Object.fromEntries(
      entries.filter(half).map(({ key, stride, bytes }) => [key, { stride, bits: new Uint16Array(bytes) }]),
    ),
  };
}

export interface Expected {
  /** A value of the metadata; throws when there is none. */
  readonly text: (key: string) => string;
  /** By tensor; those without one are whole. */
  readonly strides: Readonly<Record<string, number>>;
  readonly tensors: Readonly<Record<string, ArrayBuffer>>;
}

/** Reads a safetensors file: 8 bytes of header length, a JSON header, the data. */
export function readExpected(name: string): Expected {
  const file = readFileSync(new URL(`../../fixtures/expected/${name}.safetensors`, import.meta.url));
  const dataStart = 8 + Number(file.readBigUInt64LE(0));
  const { __metadata__: metadata, ...tensors } = JSON.parse(file.toString('utf8', 8, dataStart)) as {
    readonly __metadata__: Readonly<Record<string, string>>;
    readonly [layer: string]: unknown;
  };
  const text = (key: string): string => {
    const value = metadata[key];
    if (value === undefined) throw new Error(`Expected ${key} in the metadata of ${name} but found none.`);
    return value;
  };
  const entries = Object.entries(tensors).map(([layer, entry]) => {
    const [begin, end] = (entry as { readonly data_offsets: readonly [number, number] }).data_offsets;
    return [layer, Uint8Array.prototype.slice.call(file, dataStart + begin, dataStart + end).buffer];
  });
  return { text, strides: JSON.parse(text('strides')), tensors: Object.fromEntries(entries) };
}

/** max |actual - expected| over the largest |expected|. */
export function relativeError(actual: ArrayLike<number>, { stride, values }: Sample): number {
  let difference = 0;
  let magnitude = 0;
  for (const [i, value] of values.entries()) {
    difference = Math.max(difference, Math.abs((actual[i * stride] ?? Number.NaN) - value));
    magnitude = Math.max(magnitude, Math.abs(value));
  }
  return difference / magnitude;
}

/** A network with the generator's weights, as `--model random` has them. */
export function randomModel(architecture: Architecture, preset: PresetName, seed: number): Model {
  return {
    card: {
      name: 'random',
      architecture,
      preset: PRESETS[preset],
      labels: null,
      license: null,
      source: null,
      accuracy: null,
    },
    weights: randomWeights(architecture, seed),
    file: null,
  };
}

/** An output of a run; throws when there is none. */
export function output(outputs: Outputs, name: string): OutputArray {
  const found = outputs[name];
  if (found === undefined) throw new Error(`Expected an output ${name} but found none.`);
  return found;
}

/** The values of image `index` in an output. */
export function imageOf({ shape, data }: OutputArray, index: number): OutputArray['data'] {
  const size = data.length / (shape[0] ?? 1);
  return data.slice(index * size, (index + 1) * size);
}

/** Far from the 32 streams of the weights. */
const IMAGE_STREAM = 1000;

/** Four RGB images (noise, gradient, tiles, rings), each size x size x 3 bytes: `test_images` of random_weights.py. */
export function testImages(size: number, seed: number): readonly Uint8Array[] {
  const tile = Math.floor(size / 8);
  const colours = noise(seed, IMAGE_STREAM + 1, 8 * 8 * 3);
  const ring = (x: number, y: number) => (x - Math.floor(size / 3)) ** 2 + (y - Math.floor(size / 2)) ** 2;
  return [
    noise(seed, IMAGE_STREAM, size * size * 3),
    paint(size, (x, y) => [(x * 255) / (size - 1), (y * 255) / (size - 1), ((x + y) * 255) / (2 * size - 2)]),
    paint(size, (x, y) => {
      const first = (Math.floor(y / tile) * 8 + Math.floor(x / tile)) * 3;
      return [...colours.subarray(first, first + 3)];
    }),
    paint(size, (x, y) => {
      const radius = Math.floor(ring(x, y) / size);
      return [radius % 256, Math.floor((ring(x, y) * 2) / size) % 256, 255 - (radius % 256)];
    }),
  ];
}

/** The upper byte of each of the generator's 32-bit hashes. */
function noise(seed: number, stream: number, count: number): Uint8Array {
  const values = new Float32Array(count);
  fillRandom(values, { kind: 'random', seed, stream, bound: 1 });
  return Uint8Array.from(values, (value) => (value + 1) * 128);
}

/** An image by a function from its column and row to three numbers, rounded down. */
function paint(size: number, colour: (x: number, y: number) => readonly number[]): Uint8Array {
  return Uint8Array.from({ length: size * size * 3 }, (_, i) => {
    const pixel = Math.floor(i / 3);
    return Math.floor(colour(pixel % size, Math.floor(pixel / size))[i % 3] ?? 0);
  });
}

/** Images one after the other, as `Session.run` takes them. */
export function batchOf(images: readonly Uint8Array[]): ArrayBuffer {
  const buffer = new ArrayBuffer(images.reduce((bytes, image) => bytes + image.length, 0));
  let offset = 0;
  for (const image of images) {
    new Uint8Array(buffer, offset).set(image);
    offset += image.length;
  }
  return buffer;
}

/** Compares whole arrays fast: `toEqual` takes a minute for a million numbers that differ. */
export function sameBits(a: OutputArray['data'], b: OutputArray['data']): boolean {
  const bytes = ({ buffer, byteOffset, byteLength }: OutputArray['data']) =>
    Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength);
  return a.constructor === b.constructor && bytes(a).equals(bytes(b));
}
