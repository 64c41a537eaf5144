import { describe, expect, it, test } from 'vitest';
import { layersOf, vgg16 } from '../../src/network/architecture.js';
import { LAYER_CHOICES, outputSpecOf, parseLayer } from '../../src/network/layer-names.js';
import type { LayerOutput } from '../../src/network/output-request.js';

describe('parseLayer', () => {
  /** `features` of torchvision's VGG-16, module by module, as it prints itself (conv + ReLU, M for a pool). */
  const TORCHVISION =
    'conv1_1 conv1_1 conv1_2 conv1_2 pool1 conv2_1 conv2_1 conv2_2 conv2_2 pool2 ' +
    'conv3_1 conv3_1 conv3_2 conv3_2 conv3_3 conv3_3 pool3 conv4_1 conv4_1 conv4_2 conv4_2 conv4_3 conv4_3 pool4 ' +
    'conv5_1 conv5_1 conv5_2 conv5_2 conv5_3 conv5_3 pool5';

  /** `[layer.name for layer in keras.applications.VGG16(weights=None).layers]`, without input, flatten, predictions. */
  const KERAS =
    'block1_conv1 block1_conv2 block1_pool block2_conv1 block2_conv2 block2_pool ' +
    'block3_conv1 block3_conv2 block3_conv3 block3_pool block4_conv1 block4_conv2 block4_conv3 block4_pool ' +
    'block5_conv1 block5_conv2 block5_conv3 block5_pool fc1 fc2';

  const layers = layersOf(vgg16()).map(({ name }) => name);

  test.each(layers)('the paper’s %s is itself', (name) => {
    expect(parseLayer(name)).toBe(name);
  });

  it('knows the logits by their name', () => {
    expect(parseLayer('logits')).toBe('fc8');
  });

  it("knows torchvision's modules: a convolution and its ReLU are one layer", () => {
    const modules = TORCHVISION.split(' ');
    expect(modules.length).toBe(31);
    expect(modules.map((_, i) => parseLayer(`features.${i}`))).toEqual(modules);
    const classifier = Array.from({ length: 7 }, (_, i) => parseLayer(`classifier.${i}`));
    expect(classifier).toEqual(['fc6', 'fc6', 'fc6', 'fc7', 'fc7', 'fc7', 'fc8']);
  });

  it("knows timm's modules", () => {
    expect(['pre_logits.fc1', 'pre_logits.fc2', 'head.fc'].map(parseLayer)).toEqual(['fc6', 'fc7', 'fc8']);
  });

  it("knows Keras's layers, in the order of the network", () => {
    expect(KERAS.split(' ').map(parseLayer)).toEqual(layers.slice(0, -1));
  });

  test.each(['FC7', 'Conv5_3', 'BLOCK5_POOL', 'Features.30', 'Logits'])('%s: case does not matter', (name) => {
    expect(parseLayer(name)).toBe(parseLayer(name.toLowerCase()));
    expect(parseLayer(name)).toBeDefined();
  });

  // Keras's predictions come after the softmax, and torchvision's avgpool is pool5 at 224 pixels only.
  test.each(['predictions', 'avgpool', 'flatten', 'features.31', 'classifier.7', 'conv1_3', 'conv6_1', 'pool6', 'fc9'])(
    '%s is no layer',
    (name) => {
      expect(parseLayer(name)).toBeUndefined();
    },
  );

  // What a lookup in a plain object would find.
  test.each(['', ' ', 'constructor', 'toString', '__proto__'])('"%s" is no layer', (name) => {
    expect(parseLayer(name)).toBeUndefined();
  });
});

test('the choices are all layers in order, fc8 as logits, and each can be typed', () => {
  expect(LAYER_CHOICES.length).toBe(21);
  expect(LAYER_CHOICES[0]).toBe('conv1_1');
  expect(LAYER_CHOICES.slice(-4)).toEqual(['pool5', 'fc6', 'fc7', 'logits']);
  expect(LAYER_CHOICES.map(parseLayer)).toEqual(layersOf(vgg16()).map(({ name }) => name));
});

describe('outputSpecOf', () => {
  const spec = (layer: string, options: Partial<LayerOutput> = {}) =>
    outputSpecOf(vgg16(7), { kind: 'layer', layer, ...options });

  test.each([
    ['pool5', {}, { name: 'pool5', shape: [7, 7, 512], dtype: 'f32' }],
    ['pool5', { pool: 'avg' }, { name: 'pool5', shape: [512], dtype: 'f32' }],
    ['conv1_2', { pool: 'max', activation: 'pre' }, { name: 'conv1_2', shape: [64], dtype: 'f32' }],
    ['conv3_1', { pool: 'none', normalize: 'l2' }, { name: 'conv3_1', shape: [56, 56, 256], dtype: 'f32' }],
    ['fc7', { pool: 'avg', dtype: 'f16' }, { name: 'fc7', shape: [4096], dtype: 'f16' }],
    ['fc8', { pool: 'max' }, { name: 'logits', shape: [7], dtype: 'f32' }],
  ] as const)('%s with %o', (layer, options, expected) => {
    expect(spec(layer, options)).toEqual(expected);
  });

  it('says which layers a model without classifier has', () => {
    const base = { ...vgg16(), classifier: null };
    expect(() => outputSpecOf(base, { kind: 'layer', layer: 'fc7' }, 'base')).toThrowError(
      expect.objectContaining({
        code: 'MODEL_INVALID',
        message: 'Expected a layer of base but received fc7: base ends at pool5.',
        hint: expect.stringMatching(/conv1_1, .*conv5_3, pool5\.$/),
      }),
    );
    expect(() => outputSpecOf(base, { kind: 'layer', layer: 'fc8' })).toThrowError('received logits');
  });
});
