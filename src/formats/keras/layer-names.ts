/** The names that Keras gives to VGG-16's layers: keras/src/applications/vgg16.py. */

const DENSE: Readonly<Record<string, string>> = { fc6: 'fc1', fc7: 'fc2', fc8: 'predictions' };

/** By the paper's name: conv1_2 is block1_conv2, pool1 is block1_pool, fc6 is fc1. */
export function kerasName(layer: string): string {
  return DENSE[layer] ?? layer.replace(/^(conv|pool)(\d)_?(\d?)$/, 'block$2_$1$3');
}
