/** Where a weight comes from and how it is laid out there: plain data, so that it can cross to the engine's thread. */

/** Element types that weight files hold. */
export type WeightType = 'f64' | 'f32' | 'f16' | 'bf16';

/** Bytes of one element. */
export const WEIGHT_BYTES: Readonly<Record<WeightType, number>> = { f64: 8, f32: 4, f16: 2, bf16: 2 };

/**
 * Axis order in the file. `tensorflow`: [h, w, in, out] and [in, out], fc6 reading (h, w, c).
 * `torch`: [out, in, h, w] and [out, in], fc6 reading (c, h, w); timm's fc6 [out, c, h, w] is the same bytes.
 */
export type WeightLayout = 'tensorflow' | 'torch';

/** A contiguous, uncompressed range of a file: safetensors, and the records of a torch zip, are such. */
export interface FileTensor {
  readonly kind: 'file';
  readonly file: string;
  /** From the start of the file, in bytes. */
  readonly offset: number;
  /** Equals the product of the layer's shape times the element size. */
  readonly byteLength: number;
  readonly type: WeightType;
  readonly layout: WeightLayout;
}

/** Uniform in [-bound, bound), made by the generator of `random.ts`. */
export interface RandomTensor {
  readonly kind: 'random';
  /** 32-bit seed of the whole network. */
  readonly seed: number;
  /** Which stream of the seed: 0 for conv1_1's kernel, 1 for its bias, 2 for conv1_2's kernel … */
  readonly stream: number;
  readonly bound: number;
}

export type TensorSource = FileTensor | RandomTensor;

/** The weights of one layer, by the paper's name. */
export interface LayerWeights {
  readonly kernel: TensorSource;
  readonly bias: TensorSource;
}

export type Weights = Readonly<Record<string, LayerWeights>>;
