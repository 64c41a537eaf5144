import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readWeightFile } from '../../../src/formats/open.js';
import { MAX_HEADER_BYTES } from '../../../src/safetensors-header.js';
import { failure, modelFixture, rawSafetensors, safetensors, temporaryFolder, write } from '../files.js';

const folder = temporaryFolder();
let count = 0;
const read = (bytes: Buffer) => readWeightFile(write(folder, `${count++}.safetensors`, bytes));
const entry = (shape: unknown, offsets: unknown, dtype: unknown = 'F32') => ({ dtype, shape, data_offsets: offsets });
const message = async (header: unknown, data = 8) => {
  const text = typeof header === 'string' ? header : JSON.stringify(header);
  const error = await failure(read(rawSafetensors(text, Buffer.alloc(data))));
  expect(error.code).toBe('MODEL_INVALID');
  expect(error.exitCode).toBe(5);
  return error.message;
};

describe('readSafetensors', () => {
  it('describes the tensors of a file that safetensors itself wrote', async () => {
    const { format, metadata, tensors } = await readWeightFile(modelFixture('slim-torchvision.safetensors'));
    expect(format).toBe('safetensors');
    expect(metadata).toEqual({ format: 'pt' });
    expect(tensors).toHaveLength(32);
    expect(tensors.find(({ name }) => name === 'classifier.0.weight')).toMatchObject({
      shape: [24, 64],
      place: { kind: 'range', type: 'f32', byteLength: 6144 },
    });
  });

  it('knows the four floating-point types and describes the others without a type', async () => {
    const { tensors } = await read(
      safetensors({
        a: { dtype: 'F64', shape: [1] },
        b: { dtype: 'F32', shape: [2] },
        c: { dtype: 'F16', shape: [2] },
        d: { dtype: 'BF16', shape: [2] },
        e: { dtype: 'I64', shape: [] },
      }),
    );
    expect(tensors.map(({ place }) => place?.kind === 'range' && [place.type, place.byteLength])).toEqual([
      ['f64', 8],
      ['f32', 8],
      ['f16', 4],
      ['bf16', 4],
      false,
    ]);
  });

  it('refuses a header that claims 2^60 bytes without allocating it', async () => {
    const before = process.memoryUsage().arrayBuffers;
    const error = await failure(read(rawSafetensors('{}', Buffer.alloc(0), 2n ** 60n)));
    expect(error.message).toContain(`at most ${MAX_HEADER_BYTES} bytes`);
    expect(error.message).toContain('1152921504606846976');
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1 << 20);
  });

  it('names the missing bytes of a truncated header and of truncated data', async () => {
    expect((await failure(read(rawSafetensors('{}', Buffer.alloc(0), 12n)))).message).toContain('10 are missing');
    expect(await message({ a: entry([4], [0, 16]) })).toContain('8 are missing');
    expect((await failure(read(Buffer.from([1, 2, 3])))).message).toContain('truncated');
  });

  it.each([
    ['a tensor before the data', { a: entry([1], [-4, 0]) }, 'data_offsets'],
    ['an end before the start', { a: entry([1], [4, 0]) }, 'data_offsets'],
    ['offsets beyond 2^53', { a: entry([1], [0, 2 ** 60]) }, 'data_offsets'],
    ['a place that does not fit the shape', { a: entry([1], [0, 8]) }, 'Expected 4 bytes'],
    ['a negative axis', { a: entry([-1], [0, 4]) }, 'shape'],
    ['a fractional axis', { a: entry([0.5], [0, 2]) }, 'shape'],
    ['an axis that is text', { a: entry(['2'], [0, 8]) }, 'shape'],
    ['a product beyond 2^53', { a: entry([2 ** 30, 2 ** 30], [0, 8]) }, 'too large'],
    ['too many axes', { a: entry(Array(9).fill(1), [0, 4]) }, 'at most 8 axes'],
    ['an unknown dtype', { a: entry([2], [0, 8], 'F33') }, 'dtype'],
    ['a dtype named like a method', { a: entry([2], [0, 8], 'constructor') }, 'dtype'],
    ['an entry that is no object', { a: 3 }, 'dtype, shape, data_offsets'],
    ['metadata that is not text', { __metadata__: { a: 1 } }, '__metadata__'],
    ['overlapping tensors', { a: entry([2], [0, 8]), b: entry([1], [4, 8]) }, 'overlaps'],
    ['a gap', { a: entry([1], [4, 8]) }, 'leaves a gap'],
    ['bytes after the last tensor', { a: entry([1], [0, 4]) }, '4 bytes after its last tensor'],
    ['a list as header', [1], 'JSON object'],
    ['null as header', 'null', 'JSON object'],
    ['text that is no JSON', '{"a": \u001b[31m', 'not valid JSON'],
    [
      'a name that occurs twice',
      `{"a":${JSON.stringify(entry([2], [0, 8]))},"\\u0061":${JSON.stringify(entry([2], [0, 8]))}}`,
      'occurs twice',
    ],
    ['a million open brackets', '{"a":'.concat('['.repeat(1e6)), 'not valid JSON'],
  ])('refuses %s', async (_what, header, expected) => {
    const text = await message(header);
    expect(text).toContain(expected);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what must not reach a terminal
    expect(text).not.toMatch(/[\u0000-\u001f]/);
  });

  it('accepts deep nesting only as far as it can describe it', async () => {
    expect(await message(`{"a":${'['.repeat(1e5)}${']'.repeat(1e5)}}`)).toContain('dtype, shape, data_offsets');
  });
});

describe('readWeightFile', () => {
  it.each([
    ['nothing', Buffer.alloc(0), 'is empty'],
    ['HDF5', Buffer.from('\x89HDF\r\n\x1a\nxxxxxxxx', 'latin1'), 'HDF5'],
    ['a Git LFS pointer', Buffer.from('version https://git-lfs.github.com/spec/v1'), 'Git LFS pointer'],
    ['any pickle', Buffer.from('\x80\x04]\x94.', 'latin1'), 'pickle without tensors'],
    ['text', Buffer.from('hello, this is text'), 'not recognised'],
  ])('says what it found instead of weights: %s', async (_what, bytes, expected) => {
    expect((await failure(readWeightFile(write(folder, 'x.bin', bytes)))).message).toContain(expected);
  });

  it('says that a folder or a pipe is no file, without waiting, and that a missing file is missing', async () => {
    const pipe = join(folder, 'pipe');
    execFileSync('mkfifo', [pipe]);
    expect((await failure(readWeightFile(pipe))).message).toContain('not a regular file');
    expect((await failure(readWeightFile(folder))).message).toContain('directory');
    expect((await failure(readWeightFile(`${folder}/no`))).code).toBe('MODEL_NOT_FOUND');
  });
});
