/** The layers that outputs need: all from the input to the last that one of them is of. */

import { type Architecture, type Layer, layersOf } from './architecture.js';
import { findLayer } from './layer-names.js';
import type { OutputRequest } from './output-request.js';

/** `wanted`: layers by the paper's names. */
export function layersUpTo(architecture: Architecture, wanted: readonly string[]): readonly Layer[] {
  const layers = layersOf(architecture);
  return layers.slice(0, layers.findLastIndex(({ name }) => wanted.includes(name)) + 1);
}

/** What is computed for `requests`. Throws MODEL_INVALID for an output of no layer. */
export function layersFor(architecture: Architecture, requests: readonly OutputRequest[]): readonly Layer[] {
  const wanted = requests.map((each) => findLayer(architecture, each.kind === 'layer' ? each.layer : 'fc8').name);
  return layersUpTo(architecture, wanted);
}
