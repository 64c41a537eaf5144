/** What every reader of weight files returns: names, shapes and places, never the data. */

import type { NetworkStep } from './network-steps.js';
import type { StoredTensor } from './stored-tensor.js';

/** What wrote a weight file. */
export type ModelFormat = 'safetensors' | 'pytorch' | 'keras' | 'onnx' | 'tfjs' | 'caffe' | 'savedmodel';

/** Whose network the names in a file are of: it decides what the images must look like where nothing else says so. */
export type Family = 'torch' | 'keras' | 'caffe' | 'mxnet';

export interface WeightFile {
  readonly path: string;
  readonly bytes: number;
  readonly format: ModelFormat;
  /** In the order of the file. */
  readonly tensors: readonly StoredTensor[];
  /** The file's own text entries; empty where the format has none. This tool's exports have `format`, `version`, `card`. */
  readonly metadata: Readonly<Record<string, string>>;
  /** The network as the file describes it; without it the names of the tensors say which layer is which. */
  readonly steps?: readonly NetworkStep[];
  /** Where it is known from the names or the format. */
  readonly family?: Family;
  /** Side of the square input that the file asks for, in pixels, where it does. */
  readonly inputSize?: number;
  /** The file's own labels, in class order, where it has some. */
  readonly labels?: readonly string[];
}
