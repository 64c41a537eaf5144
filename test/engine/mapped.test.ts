import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { compile } from '../../src/engine/compile.js';
import { Session } from '../../src/engine/session.js';
import { configureTensorFlow } from '../../src/engine/tensorflow.js';
import { writeModelFile } from '../../src/formats/safetensors/write.js';
import { openModel } from '../../src/models/open.js';
import type { Model } from '../../src/network/card.js';
import { batchOf, output, testImages } from './reference.js';

configureTensorFlow({ threads: 2 });

const folder = mkdtempSync(join(tmpdir(), 'vgg16 mapped, '));
afterAll(() => rmSync(folder, { recursive: true }));

const open = { seed: 0, cacheDir: folder };
const outputs = [{ kind: 'layer', layer: 'fc8' }] as const;

async function own(name: string, dtype: 'f32' | 'bf16' | 'f16'): Promise<Model> {
  const path = join(folder, `${name}.safetensors`);
  const mini = await openModel('mini', open);
  await writeModelFile(mini, mini.card, path, dtype);
  return await openModel(path, open);
}

async function logits(model: Model, precision: 'f32' | 'bf16') {
  const session = await Session.open({ model, precision, outputs });
  try {
    return output(session.run(batchOf(testImages(32, 3)), 4), 'fc8').data;
  } finally {
    session.close();
  }
}

/** The first byte of a tensor, and the file. */
function tensorOf(path: string, name: string): { readonly file: Buffer; readonly at: number } {
  const file = readFileSync(path);
  const start = 8 + Number(file.readBigUInt64LE(0));
  const header = JSON.parse(file.toString('utf8', 8, start));
  return { file, at: start + header[name].data_offsets[0] };
}

describe("this tool's own files", () => {
  it('begin their tensors where they can be mapped without a copy', async () => {
    const { file } = await own('aligned', 'f32');
    expect((8 + Number(readFileSync(file?.path ?? '').readBigUInt64LE(0))) % 64).toBe(0);
  });

  it.each(['f32', 'bf16', 'f16'] as const)(
    'of %s are mapped, and give the bits that they give when they are read',
    async (dtype) => {
      const model = await own(`bits-${dtype}`, dtype);
      const { feeds } = await compile(model, 'f32', outputs);
      expect(feeds.length).toBe(32);
      expect(feeds.every(({ value }) => value === null)).toBe(true);
      const read = { ...model, file: null };
      expect((await compile(read, 'f32', outputs)).feeds.every(({ value }) => value !== null)).toBe(true);
      for (const precision of ['f32', 'bf16'] as const) {
        expect(await logits(model, precision), precision).toEqual(await logits(read, precision));
      }
    },
  );

  it.each(['fc7/kernel', 'conv3_2/bias'])('with NaN in %s are refused, and the tensor is named', async (name) => {
    const model = await own(`nan-${name.replace('/', '-')}`, 'f32');
    const path = model.file?.path ?? '';
    const { file, at } = tensorOf(path, name);
    file.writeFloatLE(Number.NaN, at);
    writeFileSync(path, file);
    await expect(logits(model, 'f32')).rejects.toThrow(`Expected finite weights but ${name} of mini holds NaN`);
  });

  it('that were cut off since they were opened are refused', async () => {
    const model = await own('short', 'f32');
    truncateSync(model.file?.path ?? '', 1_000_000);
    await expect(logits(model, 'f32')).rejects.toMatchObject({
      code: 'MODEL_INVALID',
      message: expect.stringContaining('it changed after it was opened'),
    });
  });
});
