/** What a run asks for, collected while the graph is built: layers' activations, and the best classes. */

import type { Layer } from '../architecture.js';
import type { OutputRequest } from '../output-request.js';
import { DType, type GraphBuilder, type Node } from './builder.js';
import { layerOutput } from './layer-output.js';
import type { Sides } from './layers.js';

/** A graph that can be run. */
export interface GraphOutputs {
  /** The tensor of each output, `node` or `node:output`, by the name of the output. */
  readonly tensors: Readonly<Record<string, string>>;
  /** Row shapes of the outputs that are float16, as `unpackHalves` reads them. */
  readonly halves: Readonly<Record<string, readonly number[]>>;
}

export class OutputCollector implements GraphOutputs {
  readonly tensors: Record<string, string> = {};
  readonly halves: Record<string, readonly number[]> = {};

  constructor(
    private readonly g: GraphBuilder,
    private readonly requests: readonly OutputRequest[],
  ) {}

  /** Makes an output of a layer if there is a request for it. `float` gives a side in float32, [N, …output shape]. */
  add(layer: Layer, sides: Sides, float: (activations: Node) => Node): void {
    const request = this.#request(layer.name);
    if (request === undefined) return;
    const { node, half } = layerOutput(this.g, request, layer, float(sides[request.activation ?? 'post']));
    this.tensors[layer.name] = node;
    if (half !== undefined) this.halves[layer.name] = half;
  }

  /** The best classes, where they are asked for. Softmax keeps the order: the sorted probabilities are the sorted logits'. */
  addTopK(logits: Node): void {
    const request = this.requests.find((each) => each.kind === 'top_k');
    if (request === undefined) return;
    const { g } = this;
    const float = { T: { type: DType.float32 } };
    const count = g.constant('top_k/k', DType.int32, request.k);
    const softmax = g.node('Softmax', 'softmax', [logits], float);
    const best = g.node('TopKV2', 'top_k/logits', [logits, count], float);
    const probabilities = g.node('TopKV2', 'top_k/probabilities', [softmax, count], float);
    this.tensors['top_k/logits'] = best;
    this.tensors['top_k/classes'] = `${best}:1`;
    this.tensors['top_k/probabilities'] = probabilities;
  }

  #request(layer: string) {
    const requests = this.requests.filter((each) => each.kind === 'layer').filter((each) => each.layer === layer);
    if (requests.length > 1) throw new Error(`Expected one request for ${layer} but received ${requests.length}.`);
    return requests[0];
  }
}
