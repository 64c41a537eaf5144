/** What a run can read from the network, as plain data: it crosses to the engine's thread. */

/** Before or after a layer's ReLU. Pools have none and fc8 has none: both are the same there. */
export type Activation = 'post' | 'pre';

/** How the positions of a convolution or a pool become one row: not, by their average or by their maximum. */
export type Pooling = 'none' | 'avg' | 'max';

/** `l2`: divided by max(norm, 1e-12), as `torch.nn.functional.normalize` does. */
export type Normalization = 'none' | 'l2';

/** Numbers of an output. `f16` is rounded to nearest even, and what exceeds 65,504 becomes infinite (IEEE 754). */
export type OutputDType = 'f32' | 'f16';

/** Best classes: `top_k/classes` int32, `top_k/logits` and `top_k/probabilities` float32, each [N, k]. */
export interface TopKRequest {
  readonly kind: 'top_k';
  readonly k: number;
}

/**
 * One layer's activations under the layer's name, [N, …row] as `outputSpecOf` says; f16 as the bits of its numbers.
 * Float32 from the layer on, at every precision; in the order pool, normalize, dtype. At most one request a layer.
 */
export interface LayerOutput {
  readonly kind: 'layer';
  /** By the paper's name; fc8 gives the logits. */
  readonly layer: string;
  /** Default `post`. */
  readonly activation?: Activation;
  /** Over height and width; nothing happens to fc6, fc7 and fc8. Default `none`. */
  readonly pool?: Pooling;
  /** Over all numbers of a row. Default `none`. */
  readonly normalize?: Normalization;
  /** Default `f32`. */
  readonly dtype?: OutputDType;
}

export type OutputRequest = TopKRequest | LayerOutput;

/** Whether this asks for a layer's sums before its ReLU, where it has one. */
export function beforeRelu(request: OutputRequest): request is LayerOutput {
  return request.kind === 'layer' && request.activation === 'pre' && /^(conv|fc6|fc7)/.test(request.layer);
}
