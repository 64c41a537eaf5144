/** Expected activations made by other implementations (fixtures/expected), and the images that they were made of. */

import { readFileSync } from 'node:fs';
import type { Architecture } from '../../src/model/architecture.js';
import { fillRandom } from '../../src/model/weights/random.js';

/** A file of fixtures/expected/make_torchvision.py. */
export interface Reference {
  readonly architecture: Architecture;
  readonly preset: 'torchvision' | 'caffe';
  readonly seed: number;
  readonly imageSeed: number;
  /** By layer: every `stride`-th value of the output of four images, flattened in TensorFlow's order. */
  readonly layers: Readonly<Record<string, { readonly stride: number; readonly values: Float32Array }>>;
}

/** Reads a safetensors file of float32 tensors: 8 bytes of header length, a JSON header, the data. */
export function readReference(name: string): Reference {
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
  const strides = JSON.parse(text('strides')) as Record<string, number>;
  const layers = Object.entries(tensors).map(([layer, entry]) => {
    const [begin, end] = (entry as { readonly data_offsets: readonly [number, number] }).data_offsets;
    const bytes = Uint8Array.prototype.slice.call(file, dataStart + begin, dataStart + end);
    return [layer, { stride: strides[layer] ?? 1, values: new Float32Array(bytes.buffer) }];
  });
  return {
    architecture: JSON.parse(text('architecture')),
    preset: text('preset') as Reference['preset'],
    seed: Number(text('seed')),
    imageSeed: Number(text('imageSeed')),
    layers: Object.fromEntries(layers),
  };
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
