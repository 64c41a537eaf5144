/** ONNX models against what ONNX Runtime made of them: fixtures/formats/make_onnx.py. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { configureTensorFlow } from '../../../src/engine/tensorflow.js';
import { ATTRIBUTE, FIELD, ONNX } from '../../../src/formats/onnx/proto.js';
import { exportOnnx } from '../../../src/formats/onnx/write.js';
import { readWeightFile } from '../../../src/formats/open.js';
import { openModel } from '../../../src/models/open.js';
import type { PresetName } from '../../../src/network/preset.js';
import { maxDifference, sameWeights, sessionOutputs, slimImages } from '../export/numbers.js';
import { FLIPS, failure, safetensors, slimShapes, temporaryFolder, write } from '../files.js';
import { survivesCuts, survivesFlips } from '../shared/protobuf-damage.js';
import { delimited, type EditableNode, message, OnnxFile, type TensorHeader } from './onnx-files.js';

configureTensorFlow({ threads: 2 });

const folder = temporaryFolder();
const OPTIONS = { seed: 0, cacheDir: folder, env: {} } as const;
const format = (name: string): string => fileURLToPath(new URL(`../../../fixtures/formats/${name}`, import.meta.url));

interface Expected {
  readonly preset: PresetName;
  /** The logits of two images, or their pool5. */
  readonly values: readonly unknown[];
  /** 64 unless it says so. */
  readonly inputSize?: number;
  /** By ONNX Runtime with quantised activations. */
  readonly quantized?: readonly unknown[];
}

const files = JSON.parse(readFileSync(format('onnx.json'), 'utf8')) as Readonly<Record<string, Expected>>;

/** Whether the names or the graph say how images have to be prepared: then there is no --preset to give. */
const SAYS_PRESET: Readonly<Record<string, boolean>> = {
  'onnx-tf2onnx.onnx': false, // of 5 classes: fine-tuned, nobody knows how
};

/** max |difference| over the largest magnitude. */
const TOLERANCES: Readonly<Record<string, number>> = {
  // Computed in halves there, and here with the same weights in float32.
  'onnx-float16.onnx': 5e-3,
};

describe.each(Object.keys(files))('%s', (name) => {
  const { preset, values } = files[name] as Expected;
  const open = async () => {
    const asked = SAYS_PRESET[name] === false ? { preset } : {};
    return await openModel(format(name), { ...OPTIONS, ...asked });
  };

  it("gives ONNX Runtime's numbers", async () => {
    const model = await open();
    const { inputSize, classifier } = model.card.architecture;
    expect(inputSize).toBe(files[name]?.inputSize ?? 64);
    const layer = classifier === null ? 'pool5' : 'fc8';
    const { [layer]: found = [] } = await sessionOutputs(model, slimImages(inputSize), [layer]);
    const expected = values.flat(4) as number[];
    expect(maxDifference(found, expected)).toBeLessThan(TOLERANCES[name] ?? 1e-5);
  });

  it('knows how to prepare images, or says that it does not', async () => {
    if (SAYS_PRESET[name] !== false) {
      // In pixels of 0 to 255, whichever range the file's own network takes.
      const { divisor, mean } = (await open()).card.preset;
      expect(mean[0] * divisor).toBeCloseTo(preset === 'keras' ? 103.939 : 0.485 * 255, 3);
      return;
    }
    expect(await failure(openModel(format(name), OPTIONS))).toMatchObject({
      code: 'USAGE',
      hint: expect.stringContaining('preset'),
    });
  });
});

it('the logits of a quantised network are near to those with quantised activations too', () => {
  for (const name of ['onnx-qdq.onnx', 'onnx-qlinear.onnx']) {
    const { values, quantized = [] } = files[name] as Expected;
    expect(maxDifference(quantized.flat() as number[], values.flat() as number[])).toBeLessThan(0.25);
  }
});

it('finds that the network prepares its input itself', async () => {
  const { steps } = await readWeightFile(format('onnx-convolutional.onnx'));
  expect(steps?.slice(0, 3)).toMatchObject([
    { kind: 'affine', scale: [1 / 255], offset: [0] },
    { kind: 'affine', scale: [1, 1, 1], offset: [-0.485, -0.456, -0.406].map(Math.fround) },
    { kind: 'affine', offset: [0, 0, 0] },
  ]);
});

describe('numbers are the same however they are stored:', () => {
  const tensor = (header: TensorHeader, dataType: number, ...data: readonly (readonly [id: number, bytes: Buffer])[]) =>
    Buffer.concat([
      message(ONNX.TensorProto, { ...header, dataType }),
      ...data.map(([id, bytes]) => delimited(id, bytes)),
    ]);
  const doubles = (data: Buffer): Buffer => {
    const floats = new Float32Array(data.buffer.slice(data.byteOffset, data.byteOffset + data.length));
    return Buffer.from(Float64Array.from(floats).buffer);
  };
  const { rawData, floatData, doubleData, int32Data } = FIELD.tensor;
  const changed = (change: (header: TensorHeader, data: Buffer) => Buffer): string =>
    write(folder, 'stored.onnx', new OnnxFile(readFileSync(format('onnx-torch.onnx'))).withTensors(change));

  it.each<readonly [what: string, change: (header: TensorHeader, data: Buffer) => Buffer]>([
    ['float_data', (header, data) => tensor(header, 1, [floatData, data])],
    [
      'float_data in two parts',
      (header, data) => tensor(header, 1, [floatData, data.subarray(0, 8)], [floatData, data.subarray(8)]),
    ],
    ['double_data', (header, data) => tensor(header, 11, [doubleData, doubles(data)])],
    ['doubles as raw data', (header, data) => tensor(header, 11, [rawData, doubles(data)])],
  ])('%s', async (_what, change) => {
    const [model, plain] = [
      await openModel(changed(change), OPTIONS),
      await openModel(format('onnx-torch.onnx'), OPTIONS),
    ];
    expect(await sameWeights(model, plain)).toBe(true);
  });

  it('halves as varints are refused, and named', async () => {
    const path = changed((header, data) => tensor(header, 10, [int32Data, Buffer.alloc(data.length / 4)]));
    const error = await failure(openModel(path, OPTIONS));
    expect(error.message).toContain('"features.0.weight" but it holds "FLOAT16 as varints"');
  });

  it('as many bytes as the shape takes are expected', async () => {
    const path = changed((header, data) => tensor(header, 1, [rawData, data.subarray(4)]));
    expect((await failure(openModel(path, OPTIONS))).message).toContain('Expected 648 bytes for "features.0.weight"');
  });
});

describe('external data', () => {
  const DATA = 'onnx-dynamo.onnx.data';
  const place = (location: string, extra: Buffer = readFileSync(format(DATA))): string => {
    const file = new OnnxFile(readFileSync(format('onnx-dynamo.onnx')));
    const bytes = file.withExternalData(({ key, value }) => ({ key, value: key === 'location' ? location : value }));
    write(folder, DATA, extra);
    return write(folder, 'moved.onnx', bytes);
  };

  it.each(['../x', '/etc/passwd', 'a/../../x', '', '..\\x', './x', 'a\0b', 'a\tb', 'a\u202eb', 'a//b'])(
    'does not leave the folder of the model: %j',
    async (location) => {
      const error = await failure(readWeightFile(place(location)));
      expect(error).toMatchObject({ code: 'MODEL_INVALID' });
      expect(error.message).toContain('inside the folder');
    },
  );

  it('says which file is missing, or too short', async () => {
    expect(await failure(readWeightFile(place('no-such.data')))).toMatchObject({
      code: 'MODEL_NOT_FOUND',
      message: expect.stringContaining('no-such.data, where'),
    });
    const cut = readFileSync(format(DATA)).subarray(0, -1);
    expect((await failure(readWeightFile(place(DATA, cut)))).message).toContain('truncated');
    expect((await failure(readWeightFile(place('.data')))).code).toBe('MODEL_NOT_FOUND');
  });

  it('is read from where it lies', async () => {
    const { tensors } = await readWeightFile(place(DATA));
    expect(tensors[0]?.place).toMatchObject({ kind: 'range', file: join(folder, DATA) });
  });
});

/** The same network by other words. */
describe('is VGG-16 too:', () => {
  const text = (name: string, value: string) => ({ name, s: Buffer.from(value), type: ATTRIBUTE.string });
  const without = (node: EditableNode, ...names: readonly string[]) =>
    node.attribute.filter(({ name }) => !names.includes(name));

  it.each<readonly [what: string, node: RegExp, change: (node: EditableNode) => EditableNode]>([
    [
      'padding by name',
      /features.5.Conv/,
      (node) => ({ ...node, attribute: [...without(node, 'pads'), text('auto_pad', 'SAME_UPPER')] }),
    ],
    [
      'a pool that would keep an odd row, where there is none',
      /features.4.MaxPool/,
      (node) => ({ ...node, attribute: [...without(node, 'ceil_mode'), { name: 'ceil_mode', i: 1 } as never] }),
    ],
    [
      'the same in the words of TensorFlow',
      /features.4.MaxPool/,
      (node) => ({ ...node, attribute: [...without(node, 'pads'), text('auto_pad', 'SAME_LOWER')] }),
    ],
    ['the domain by its long name', /features.1.Relu/, (node) => ({ ...node, domain: 'ai.onnx' })],
    [
      'a flattening as in ONNX 1.2',
      /Flatten/,
      (node) => ({
        ...node,
        opType: 'Reshape',
        attribute: [{ name: 'shape', ints: [0, -1], type: ATTRIBUTE.ints } as never],
      }),
    ],
  ])('%s', async (_what, match, change) => {
    const changed = new OnnxFile(readFileSync(format('onnx-torch.onnx'))).withNode(match, change);
    const model = await openModel(write(folder, 'other-words.onnx', changed), OPTIONS);
    expect(await sameWeights(model, await openModel(format('onnx-torch.onnx'), OPTIONS))).toBe(true);
  });
});

/** Another network, of which exactly one thing is not VGG-16's. */
describe('what VGG-16 lacks is named', () => {
  type Change = (node: EditableNode) => EditableNode;
  const refused = async (match: RegExp, change: Change): Promise<string> => {
    const file = new OnnxFile(readFileSync(format('onnx-torch.onnx')));
    return (await failure(openModel(write(folder, 'changed.onnx', file.withNode(match, change)), OPTIONS))).message;
  };
  const ints = (name: string, values: readonly number[]) => ({ name, ints: values, type: ATTRIBUTE.ints });
  const set = (attribute: { readonly name: string }): Change => {
    return (node) => ({
      ...node,
      attribute: [...node.attribute.filter(({ name }) => name !== attribute.name), attribute],
    });
  };

  it.each<readonly [what: string, node: RegExp, change: Change, expected: string]>([
    ['a stride', /features.5.Conv/, set(ints('strides', [2, 2])), 'strides'],
    ['groups', /features.5.Conv/, set({ name: 'group', i: 2, type: ATTRIBUTE.int } as never), 'group'],
    ['dilations', /features.5.Conv/, set(ints('dilations', [2, 2])), 'dilations'],
    ['no padding', /features.5.Conv/, set(ints('pads', [0, 0, 0, 0])), 'padding of 1'],
    ['uneven padding', /features.5.Conv/, set(ints('pads', [0, 0, 1, 1])), 'pads'],
    ['a larger pool', /features.4.MaxPool/, set(ints('kernel_shape', [3, 3])), 'kernel_shape'],
    ['a pool without stride', /features.4.MaxPool/, set(ints('strides', [1, 1])), 'strides'],
    ['another activation', /features.1.Relu/, (node) => ({ ...node, opType: 'Sigmoid' }), 'Sigmoid'],
    ['local normalisation', /features.1.Relu/, (node) => ({ ...node, opType: 'LRN' }), 'LRN'],
    ['an operator of another domain', /features.1.Relu/, (node) => ({ ...node, domain: 'x' }), 'x.Relu'],
    [
      'one that is named like a method',
      /features.1.Relu/,
      (node) => ({ ...node, opType: 'constructor' }),
      'constructor',
    ],
    ['a scaled product', /classifier.0.Gemm/, set({ name: 'alpha', f: 2, type: ATTRIBUTE.float } as never), 'alpha'],
    ['a missing weight', /features.5.Conv/, (node) => ({ ...node, input: [node.input[0] ?? '', 'x'] }), 'kernel'],
    [
      'a missing layer',
      /features.28.Conv/,
      (node) => ({ ...node, opType: 'Identity' }),
      'expected a convolution as conv5_3',
    ],
    ['a flattening of another axis', /Flatten/, set({ name: 'axis', i: 2, type: ATTRIBUTE.int } as never), 'axis'],
    ['a branch', /features.3.Relu/, (node) => ({ ...node, input: ['input'] }), 'branches'],
    ['a loop', /features.1.Relu/, (node) => ({ ...node, output: ['input'] }), ''],
  ])('%s', async (_what, match, change, expected) => {
    const message = await refused(match, change);
    expect(message).toContain(expected);
    expect(message).toMatch(/^\P{Cc}{10,1000}\.$/u);
  });
});

describe('damage', () => {
  const NAME = 'onnx-torch.onnx';

  it('is refused wherever the file is cut off', { timeout: 120_000 }, async () => {
    for (const name of [NAME, 'onnx-zoo.onnx', 'onnx-qdq.onnx'])
      await survivesCuts(folder, readFileSync(format(name)), name);
  });

  it(`ends in a model or a clear error for ${FLIPS} bytes changed`, { timeout: 600_000 }, async () => {
    await survivesFlips(folder, await smallest(), 'small.onnx', FLIPS);
  });

  it.each([
    ['a length beyond the file', Buffer.from([0x08, 8, 0x3a, 0xff, 0xff, 0xff, 0xff, 0x0f])],
    ['a length beyond 2^53', Buffer.from([0x08, 8, 0x3a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f])],
    ['a graph without nodes', Buffer.concat([Buffer.from([0x08, 8]), delimited(FIELD.model.graph, Buffer.alloc(0))])],
    ['two graphs', Buffer.from([0x08, 8, 0x3a, 0, 0x3a, 0])],
    [
      'a million empty nodes',
      Buffer.concat([Buffer.from([0x08, 8]), delimited(7, Buffer.alloc(2e6, Buffer.of(0x0a, 0)))]),
    ],
    ['a name of 20 MB', graph(delimited(2, Buffer.alloc(20e6, 'x')))],
    [
      'a tensor larger than the file',
      graph(delimited(5, message(ONNX.TensorProto, { dims: [2 ** 30, 2 ** 20], dataType: 1, name: 'w' }))),
    ],
    ['a negative axis', graph(delimited(5, message(ONNX.TensorProto, { dims: [-1], dataType: 1, name: 'w' })))],
    [
      'a line that has no end',
      graph(
        message(ONNX.GraphProto, { input: [{ name: 'x' }], output: [{ name: 'y' }] }),
        delimited(1, message(ONNX.NodeProto, { opType: 'Identity', input: ['x'], output: ['x'] })),
      ),
    ],
  ])('refuses %s without a large allocation', async (_what, bytes) => {
    const before = process.memoryUsage().arrayBuffers;
    const error = await failure(readWeightFile(write(folder, 'hostile.onnx', bytes)));
    expect(error.code).toBe('MODEL_INVALID');
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(30e6);
  });
});

function graph(...parts: readonly Buffer[]): Buffer {
  return Buffer.concat([Buffer.from([0x08, 8]), delimited(FIELD.model.graph, Buffer.concat(parts))]);
}

/** Of a few kilobytes: most of it is structure. */
async function smallest(): Promise<Buffer> {
  const source = write(folder, 'small.safetensors', safetensors(slimShapes()));
  const path = join(folder, 'exported.onnx');
  const model = await openModel(source, OPTIONS);
  await exportOnnx(model, path, { outputs: ['fc8'], dtype: 'f32' });
  return new OnnxFile(readFileSync(path)).withoutMetadata();
}
