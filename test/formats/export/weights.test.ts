/** Formats that hold weights and no network: what is written is read by PyTorch, and here, as it was. */

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readLayer } from '../../../src/formats/export/layer-weights.js';
import type { ExporterOptions } from '../../../src/formats/export/options.js';
import { exportPytorch } from '../../../src/formats/pytorch/write.js';
import { exportSafetensors } from '../../../src/formats/safetensors/write.js';
import { type OpenOptions, openModel } from '../../../src/models/open.js';
import { layersOf, weightLayersOf } from '../../../src/network/architecture.js';
import { importModel } from '../../../src/services/model/import.js';
import { python, runPython } from '../../python.js';
import { modelFixture } from '../files.js';

const folder = mkdtempSync(join(tmpdir(), 'vgg16-export-'));
afterAll(() => rmSync(folder, { recursive: true }));

const options: OpenOptions = { seed: 0, cacheDir: folder, env: {} };
const SOURCE = modelFixture('slim-torchvision.pth');
const WHOLE: ExporterOptions = { outputs: ['fc8'], dtype: 'f32' };
let count = 0;
const target = (extension: string) => join(folder, `${count++}.${extension}`);

/** All weights in one order of the axes. */
async function valuesOf(path: string): Promise<ReadonlyMap<string, readonly Float32Array[]>> {
  const model = await openModel(path, options);
  const values = new Map<string, readonly Float32Array[]>();
  for (const { name } of weightLayersOf(model.card.architecture)) {
    const { kernel, bias } = await readLayer(model, name, 'hwio/hwc');
    values.set(name, [kernel, bias]);
  }
  return values;
}

const WRITERS = {
  pth: async (path: string, more: Partial<ExporterOptions> = {}) =>
    exportPytorch(await openModel(SOURCE, options), path, { ...WHOLE, ...more }),
  safetensors: async (path: string, more: Partial<ExporterOptions> = {}) =>
    exportSafetensors(await openModel(SOURCE, options), path, { ...WHOLE, ...more }),
  'own.safetensors': async (path: string) => {
    await importModel({ model: SOURCE, open: options, output: path, replace: false });
  },
};

describe.each(Object.entries(WRITERS))('a model written as %s', (extension, write) => {
  it('is read here with the same values, labels, preset and name', async () => {
    const path = target(extension);
    await write(path);
    expect(await valuesOf(path)).toEqual(await valuesOf(SOURCE));
    expect((await openModel(path, options)).card).toEqual((await openModel(SOURCE, options)).card);
  });

  it('has the same bytes each time', async () => {
    const [one, two] = [target(extension), target(extension)];
    await write(one);
    await write(two);
    expect(readFileSync(one).equals(readFileSync(two))).toBe(true);
  });
});

describe('importModel', () => {
  it('takes what is known of the weights in place of what their file says', async () => {
    const path = target('safetensors');
    const known = { name: 'mine', license: 'MIT', labels: ['a', 'b', 'c', 'd', 'e', 'f', 'g'] };
    await importModel({ model: SOURCE, open: options, output: path, replace: false, card: known });
    expect((await openModel(path, options)).card).toMatchObject(known);
  });

  it('keeps 16-bit values in 16 bits, exactly', async () => {
    const path = target('safetensors');
    const source = modelFixture('slim-torchvision-bf16.safetensors');
    await importModel({ model: source, open: options, output: path, replace: false });
    expect(await valuesOf(path)).toEqual(await valuesOf(source));
    expect((await openModel(path, options)).weights.fc6?.kernel).toMatchObject({ place: { type: 'bf16' } });
  });

  it('leaves nothing behind when the file cannot be read', async () => {
    const path = target('safetensors');
    await expect(
      importModel({ model: modelFixture('make_slim.py'), open: options, output: path, replace: false }),
    ).rejects.toThrow();
    expect(() => readFileSync(path)).toThrow('ENOENT');
  });
});

it.each(['pth', 'safetensors'] as const)('%s refuses layers to give, which it cannot hold', async (extension) => {
  await expect(WRITERS[extension](target(extension), { outputs: ['fc7', 'fc8'] })).rejects.toMatchObject({
    code: 'USAGE',
  });
});

const torch = python(['torch', 'safetensors']);

/** Of each file: whether names and shapes are the source's, its types, and the largest difference. */
const LOAD = `
import json, sys, warnings
warnings.simplefilter("error")
import torch
from safetensors.torch import load_file
source = torch.load(sys.argv[1], weights_only=True)
found = []
for path in sys.argv[2:]:
    state = load_file(path) if path.endswith(".safetensors") else torch.load(path, weights_only=True)
    found.append({
        "names": list(state) == list(source) if path.endswith(".pth") else sorted(state) == sorted(source),
        "types": sorted({str(t.dtype) for t in state.values()}),
        "worst": max(float((state[k].float() - source[k].float()).abs().max() / source[k].abs().max()) for k in source),
        "shapes": all(state[k].shape == source[k].shape for k in source),
    })
print(json.dumps(found))
`;

it.skipIf(torch === undefined)('PyTorch (skipped without) reads what is written here, of each type', async () => {
  const cases = (['pth', 'safetensors'] as const).flatMap((extension) =>
    (
      [
        ['f32', 0],
        ['f16', 2 ** -11],
        ['bf16', 2 ** -8],
      ] as const
    ).map(([dtype, tolerance]) => ({
      path: target(extension),
      extension,
      dtype,
      tolerance,
    })),
  );
  for (const { path, extension, dtype } of cases) await WRITERS[extension](path, { dtype });
  const found = runPython(torch, LOAD, [SOURCE, ...cases.map(({ path }) => path)]) as { worst: number }[];
  expect(found).toHaveLength(cases.length);
  for (const [i, { path, dtype, tolerance }] of cases.entries()) {
    const type = { f32: 'torch.float32', f16: 'torch.float16', bf16: 'torch.bfloat16' }[dtype];
    expect(found[i], path).toMatchObject({ names: true, types: [type], shapes: true });
    expect(found[i]?.worst, path).toBeLessThanOrEqual(tolerance);
    expect((found[i]?.worst ?? 0) > 0, path).toBe(tolerance > 0);
  }
});

it('a layer that has no weights is refused', async () => {
  const model = await openModel(SOURCE, options);
  expect(layersOf(model.card.architecture).some(({ name }) => name === 'pool5')).toBe(true);
  await expect(readLayer(model, 'pool5', 'hwio/hwc')).rejects.toThrow('pool5');
});
