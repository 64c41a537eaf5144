/** Where a weight comes from and how it is laid out there: plain data, so that it can cross to the engine's thread. */

/** Element types that weight files hold. */
export type WeightType = 'f64' | 'f32' | 'f16' | 'bf16';

/** Bytes of one element. */
export const WEIGHT_BYTES: Readonly<Record<WeightType, number>> = { f64: 8, f32: 4, f16: 2, bf16: 2 };

/** Element types of quantised weights. */
export type QuantizedType = 'u8' | 'i8' | 'u16';

export const QUANTIZED_BYTES: Readonly<Record<QuantizedType, number>> = { u8: 1, i8: 1, u16: 2 };

/**
 * Axis order in the file. The first half says how a kernel lies: `hwio` is [h, w, in, out] and [in, out] (TensorFlow),
 * `oihw` is [out, in, h, w] and [out, in] (PyTorch, ONNX, Caffe; timm's fc6 [out, c, h, w] is the same bytes). The
 * second says in which order fc6 reads pool5, for any other layer it means nothing.
 */
export type WeightLayout = 'hwio/hwc' | 'hwio/chw' | 'oihw/hwc' | 'oihw/chw';

/** Whether a kernel's first axis is its outputs. */
export function isOutputFirst(layout: WeightLayout): boolean {
  return layout.startsWith('oihw');
}

/** TensorFlow's own order, and that of this project's files. */
export const TENSORFLOW_LAYOUT = 'hwio/hwc';

/** PyTorch's. */
export const TORCH_LAYOUT = 'oihw/chw';

/** Consecutive bytes of a file. */
export interface FileRange {
  readonly file: string;
  /** From the start of the file, in bytes. */
  readonly offset: number;
  readonly byteLength: number;
}

/** A contiguous, uncompressed range of a file: safetensors, and the records of a torch zip, are such. */
export interface RangePlace extends FileRange {
  readonly kind: 'range';
  readonly type: WeightType;
}

/** Ranges of files that together hold the values in order: the shards of a tfjs model cut tensors anywhere. */
export interface PiecesPlace {
  readonly kind: 'pieces';
  readonly type: WeightType;
  readonly pieces: readonly FileRange[];
}

/** Integers, of which the values are `scale * integer + offset`; each list has one number, or one for each index of `axis`. */
export interface QuantizedPlace {
  readonly kind: 'quantized';
  readonly type: QuantizedType;
  readonly pieces: readonly FileRange[];
  readonly scale: readonly number[];
  readonly offset: readonly number[];
  readonly axis: number;
}

/** A dataset of an HDF5 file, which may be a member, stored as it is, of a zip: `start` and `byteLength` say where. */
export interface Hdf5Place {
  readonly kind: 'hdf5';
  readonly type: WeightType;
  readonly file: string;
  readonly start: number;
  readonly byteLength: number;
  /** The dataset's path from the root group. */
  readonly dataset: string;
}

/** Where the values of a stored tensor lie. */
export type Place = RangePlace | PiecesPlace | QuantizedPlace | Hdf5Place;

/** A tensor of a file. */
export interface StoredSource {
  readonly kind: 'stored';
  readonly place: Place;
  /** In the order of the file. */
  readonly shape: readonly number[];
}

/** Another tensor, its values times a factor for each index of one axis: a batch normalisation folded into a kernel. */
export interface ScaledSource {
  readonly kind: 'scaled';
  readonly of: TensorSource;
  /** Of `of`. */
  readonly shape: readonly number[];
  readonly axis: number;
  readonly factors: Float64Array;
}

/**
 * A bias to which is added what a shift of the layer's inputs gives: `bias[o] + sum over i of shift[i] * kernel[i, o]`, a
 * batch normalisation between a ReLU and this layer.
 */
export interface ShiftedSource {
  readonly kind: 'shifted';
  readonly bias: TensorSource;
  readonly kernel: TensorSource;
  /** Of the kernel, two axes: units in and units out in the order that `inputAxis` says. */
  readonly shape: readonly number[];
  readonly inputAxis: 0 | 1;
  readonly shift: Float64Array;
}

/** Values that are at hand: of a layer without bias, or with a folded one. */
export interface ValuesSource {
  readonly kind: 'values';
  readonly values: Float32Array;
}

/** Uniform in [-bound, bound), made by the generator of `random.ts`. */
export interface RandomSource {
  readonly kind: 'random';
  /** 32-bit seed of the whole network. */
  readonly seed: number;
  /** Which stream of the seed: 0 for conv1_1's kernel, 1 for its bias, 2 for conv1_2's kernel … */
  readonly stream: number;
  readonly bound: number;
}

export type TensorSource = StoredSource | ScaledSource | ShiftedSource | ValuesSource | RandomSource;

/** Which of a layer's two tensors. */
export type WeightPart = 'kernel' | 'bias';

/** The weights of one layer, by the paper's name. */
export interface LayerWeights {
  readonly kernel: TensorSource;
  readonly bias: TensorSource;
  /** Of the kernel. */
  readonly layout: WeightLayout;
}

export type Weights = Readonly<Record<string, LayerWeights>>;

/** Types in which numbers are fed to the graph; others are converted to float32 first. */
export type FloatFeed = 'f32' | 'f16' | 'bf16';

/** The type in which a source is fed: its own where the graph can cast it. */
export function feedTypeOf(source: TensorSource): FloatFeed {
  if (source.kind !== 'stored') return 'f32';
  const { place } = source;
  if (place.kind !== 'range' && place.kind !== 'pieces') return 'f32';
  return place.type === 'f16' || place.type === 'bf16' ? place.type : 'f32';
}
