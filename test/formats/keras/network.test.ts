import { describe, expect, it } from 'vitest';
import { type FindWeight, kerasNetwork } from '../../../src/formats/keras/network.js';
import type { StoredTensor } from '../../../src/formats/shared/stored-tensor.js';
import { failure } from '../files.js';

type Fields = Readonly<Record<string, unknown>>;

const layer = (className: string, config: Fields = {}): Fields => ({
  class_name: className,
  config: { name: className.toLowerCase(), ...config },
});
const sequential = (...layers: readonly Fields[]): Fields => ({ class_name: 'Sequential', config: { layers } });

/** A functional model; each layer reads the one before unless it says otherwise. */
function functional(layers: readonly Fields[], more: Fields = {}): Fields {
  const names = layers.map(({ config }) => (config as Fields).name);
  const entries = layers.map((each, i) => ({
    ...each,
    name: names[i],
    inbound_nodes: each.inbound_nodes ?? (i === 0 ? [] : [[[names[i - 1], 0, 0, {}]]]),
  }));
  return {
    class_name: 'Functional',
    config: {
      name: 'model',
      layers: entries,
      input_layers: [[names[0], 0, 0]],
      output_layers: [[names.at(-1), 0, 0]],
      ...more,
    },
  };
}

const CONVOLUTION = { kernel_size: [3, 3], padding: 'same', activation: 'relu' };
const INPUT = layer('InputLayer', { batch_shape: [null, 64, 64, 3] });

/** Every weight there is, named after what was asked for. */
const find: FindWeight = ({ path, checkpoint }, weight): StoredTensor => ({
  name: `${path.join('/')}:${weight}@${checkpoint}`,
  shape: [3],
  dtype: 'float32',
  place: undefined,
});

const read = (model: unknown) => kerasNetwork(model, find, 'x.keras');
const kinds = async (model: unknown) => (await read(model)).steps.map(({ kind }) => kind);
const refusal = async (model: unknown) => {
  const error = await failure(read(model));
  expect(error).toMatchObject({ code: 'MODEL_INVALID', exitCode: 5 });
  return error.message;
};

describe('kerasNetwork', () => {
  it('leaves out what does nothing at inference', async () => {
    const model = sequential(
      INPUT,
      layer('RandomFlip'),
      layer('Conv2D', CONVOLUTION),
      layer('Dropout'),
      layer('Activation', { activation: 'linear' }),
      layer('MaxPooling2D', { pool_size: [2, 2] }),
    );
    expect(await kinds(model)).toEqual(['conv', 'relu', 'maxPool']);
  });

  it('knows activations as words, functions and layers', async () => {
    for (const activation of [
      'relu',
      { module: 'builtins', class_name: 'function', config: 'relu', registered_name: 'function' },
      { class_name: 'ReLU', config: { negative_slope: 0 } },
    ]) {
      expect(await kinds(sequential(layer('Dense', { activation })))).toEqual(['dense', 'relu']);
    }
    expect(await kinds(sequential(layer('Dense', { activation: null })))).toEqual(['dense']);
    expect(await refusal(sequential(layer('Dense', { activation: 'sigmoid' })))).toContain(
      'expected relu, softmax or linear as the activation of "dense" but it is "sigmoid"',
    );
    expect(
      await refusal(sequential(layer('Dense', { activation: { class_name: 'ReLU', config: { max_value: 6 } } }))),
    ).toContain('the max_value of "dense"');
  });

  it('looks for weights by names and by the groups of Keras 3, models inside models too', async () => {
    const base = { ...functional([INPUT, layer('Conv2D', { ...CONVOLUTION, name: 'block1_conv1' })]) };
    const model = sequential(
      INPUT,
      { ...base, config: { ...(base.config as Fields), name: 'vgg16' } },
      layer('Dense', { name: 'a' }),
      layer('Dense', { name: 'b', use_bias: false }),
    );
    const { steps } = await read(model);
    const names = steps.flatMap((step) => ('kernel' in step ? [step.kernel.name, step.bias?.name] : []));
    expect(names).toEqual([
      'vgg16/block1_conv1:kernel@layers/functional/layers/conv2d',
      'vgg16/block1_conv1:bias@layers/functional/layers/conv2d',
      'a:kernel@layers/dense',
      'a:bias@layers/dense',
      'b:kernel@layers/dense_1',
      undefined,
    ]);
  });

  it('follows the connections and not the order of the list', async () => {
    const dense = layer('Dense', { name: 'last' });
    const model = functional([
      INPUT,
      { ...dense, inbound_nodes: [[['flat', 0, 0, {}]]] },
      { ...layer('Flatten', { name: 'flat' }), inbound_nodes: [[['inputlayer', 0, 0, {}]]] },
    ]);
    const output = { ...model, config: { ...(model.config as Fields), output_layers: ['last', 0, 0] } };
    expect(await kinds(output)).toEqual(['flatten', 'dense']);
  });

  it('takes the longest of several outputs on one line', async () => {
    const layers = [INPUT, layer('Flatten'), layer('Dense', { name: 'a' }), layer('Dense', { name: 'b' })];
    const outputs = [
      ['b', 0, 0],
      ['a', 0, 0],
    ];
    expect(await kinds(functional(layers, { output_layers: outputs }))).toEqual(['flatten', 'dense', 'dense']);
  });

  it.each([
    [
      'two readers before the outputs',
      [
        ['a', 0, 0],
        ['b', 0, 0],
      ],
      'inputlayer',
      'it branches before its output "b"',
    ],
    ['a circle', [['a', 0, 0]], 'b', 'reads its own output'],
    ['a layer that is not there', [['a', 0, 0]], 'gone', 'its layer "gone" is missing'],
  ] as const)('refuses %s', async (_, outputs, before, message) => {
    const node = (name: string) => ({ inbound_nodes: [[[name, 0, 0, {}]]] });
    const model = functional(
      [
        INPUT,
        { ...layer('Dense', { name: 'a' }), ...node(before) },
        { ...layer('Dense', { name: 'b' }), ...node(before === 'b' ? 'a' : 'inputlayer') },
      ],
      { output_layers: outputs },
    );
    expect(await refusal(model)).toContain(message);
  });

  it('refuses layers that read two', async () => {
    const merged = {
      ...layer('Add'),
      inbound_nodes: [
        [
          ['a', 0, 0, {}],
          ['inputlayer', 0, 0, {}],
        ],
      ],
    };
    expect(await refusal(functional([INPUT, layer('Dense', { name: 'a' }), merged]))).toContain(
      'expected "add" to read one layer but it reads 2',
    );
  });

  it('flattens as Keras does: what has its channels first in the file may have them last here', async () => {
    const order = async (convolution: string, flatten: string) => {
      const model = sequential(
        layer('Conv2D', { ...CONVOLUTION, data_format: convolution }),
        layer('Flatten', { data_format: flatten }),
      );
      return (await read(model)).steps.find((step) => step.kind === 'flatten')?.order;
    };
    expect(await order('channels_last', 'channels_last')).toBe('hwc');
    expect(await order('channels_first', 'channels_last')).toBe('chw');
    expect(await order('channels_first', 'channels_first')).toBe('hwc');
    await expect(order('channels_last', 'channels_first')).rejects.toThrow('expected channels_last');
  });

  it('makes one step of preprocessing inside the network', async () => {
    const model = sequential(
      layer('Rescaling', { scale: 1 / 127.5, offset: -1 }),
      layer('Normalization', { axis: [-1], mean: [[[[1, 2, 3]]]], variance: [[[[4, 16, 1]]]] }),
    );
    expect((await read(model)).steps).toEqual([
      { kind: 'affine', name: 'rescaling', scale: [1 / 127.5], offset: [-1] },
      { kind: 'affine', name: 'normalization', scale: [0.5, 0.25, 1], offset: [-0.5, -0.5, -3] },
    ]);
  });

  it('says the size of a square input', async () => {
    expect((await read(sequential(INPUT))).inputSize).toBe(64);
    expect((await read(sequential(layer('Dropout', { batch_input_shape: [null, 32, 32, 3] })))).inputSize).toBe(32);
    expect((await read(sequential(layer('InputLayer', { batch_shape: [null, 3, 96, 96] })))).inputSize).toBe(96);
    expect(
      (await read(sequential(layer('InputLayer', { batch_shape: [null, null, null, 3] })))).inputSize,
    ).toBeUndefined();
    expect(await refusal(sequential(layer('InputLayer', { batch_shape: [null, 64, 96, 3] })))).toContain('square');
  });

  it('knows the family by names and classes', async () => {
    const convolution = layer('Conv2D', { ...CONVOLUTION, name: 'block1_conv1' });
    expect((await read(sequential(convolution))).family).toBe('keras');
    expect((await read(sequential(layer('Conv2D', CONVOLUTION)))).family).toBeUndefined();
    expect((await read(sequential(layer('Rescaling', { scale: 1 }), convolution))).family).toBeUndefined();
    // Three classes, by the shape that `find` gives.
    expect((await read(sequential(convolution, layer('Dense')))).family).toBeUndefined();
  });

  it.each([
    ['strides', layer('Conv2D', { ...CONVOLUTION, strides: [2, 2] })],
    ['kernel_size', layer('Conv2D', { ...CONVOLUTION, kernel_size: [5, 5] })],
    ['groups', layer('Conv2D', { ...CONVOLUTION, groups: 2 })],
    ['dilation_rate', layer('Conv2D', { ...CONVOLUTION, dilation_rate: [2, 2] })],
    ['padding', layer('Conv2D', { ...CONVOLUTION, padding: 'valid' })],
    ['pool_size', layer('MaxPooling2D', { pool_size: [3, 3] })],
    ['strides', layer('MaxPooling2D', { pool_size: [2, 2], strides: [1, 1] })],
    ['padding', layer('MaxPooling2D', { pool_size: [2, 2], padding: 'same' })],
    ['axis', layer('BatchNormalization', { axis: [2] })],
    ['epsilon', layer('BatchNormalization', { axis: -1, epsilon: 'NaN' })],
    ['negative_slope', layer('ReLU', { negative_slope: 0.1 })],
    ['scale', layer('Rescaling', { scale: [1, 2] })],
    ['GlobalAveragePooling2D', layer('GlobalAveragePooling2D')],
    ['Lambda', layer('Lambda')],
    ['constructor', layer('constructor')],
    [
      'pads its input',
      layer('ZeroPadding2D', {
        padding: [
          [1, 1],
          [1, 1],
        ],
      }),
    ],
  ])('refuses another %s', async (word, other) => {
    expect(await refusal(sequential(INPUT, other))).toContain(word);
  });

  it.each([
    ['nothing', undefined],
    ['a number', 16],
    ['a model without layers', { class_name: 'Custom', config: {} }],
    ['a layer without a class', sequential({ config: {} })],
    ['layers that are no list', { class_name: 'Sequential', config: { layers: 'x' } }],
    ['ends that are none', functional([INPUT], { output_layers: 3 })],
    ['calls that are none', functional([INPUT, { ...layer('Dense'), inbound_nodes: [[7]] }])],
  ])('refuses %s', async (_, model) => {
    expect(await refusal(model)).toMatch(/^x\.keras is not a VGG-16: /);
  });

  it('refuses models inside models without end', async () => {
    const nested = Array.from({ length: 5000 }).reduce<Fields>((inner) => sequential(inner), layer('Dense'));
    expect(await refusal(nested)).toContain('deep');
    const many = sequential(...Array.from({ length: 1001 }, () => layer('Dropout')));
    expect(await refusal(many)).toContain('more than 1000 layers');
  });
});
