/**
 * Loads tfjs-node, computes one small product with it and prints the versions as JSON. A process of its own, started by
 * the installer and by `vgg16 doctor`: a broken library must not take its caller along.
 */

import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

// tfjs-node 4.22 calls two functions that Node 23 removed.
const utilities = require('node:util');
utilities.isNullOrUndefined ??= (value) => value === null || value === undefined;
utilities.isArray ??= Array.isArray;

try {
  const tf = require('@tensorflow/tfjs-node');
  const [product] = tf.matMul([[3, 4]], [[10], [3]]).dataSync();
  if (product !== 42) throw new Error(`expected 42 for 3 × 10 + 4 × 3 but received ${product}`);
  console.log(JSON.stringify({ tensorflow: tf.backend().binding.TF_Version, tfjsNode: tf.version['tfjs-node'] }));
} catch (error) {
  console.error(error.message.split('\n', 1)[0]);
  process.exitCode = 1;
}
