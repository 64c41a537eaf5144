/** The network's structure in numbers: what the notebook prints, derived from the architecture. */

import { type Architecture, INPUT_CHANNELS, type LayerKind, layersOf } from './architecture.js';

export interface SummaryRow {
  /** `input`, or the paper's name of the layer. */
  readonly name: string;
  readonly kind: 'input' | LayerKind;
  /** One image's: [height, width, channels], or [units]. */
  readonly outputShape: readonly number[];
  /** Kernel and bias. */
  readonly parameters: number;
  /** Multiply-accumulates for one image. */
  readonly macs: number;
}

export interface Summary {
  readonly layers: readonly SummaryRow[];
  readonly parameters: number;
  /** For one image; a fused multiply-add counts once, so torchvision's "15.47 GFLOPS" are 15.47e9 of these. */
  readonly macs: number;
  /** Bytes of the weights as float32. */
  readonly bytes: number;
}

const FLOAT32_BYTES = 4;

export function summarize(architecture: Architecture): Summary {
  const { inputSize } = architecture;
  const layers: SummaryRow[] = [
    { name: 'input', kind: 'input', outputShape: [inputSize, inputSize, INPUT_CHANNELS], parameters: 0, macs: 0 },
    ...layersOf(architecture).map(({ name, kind, outputShape, parameters, macs }) => ({
      name,
      kind,
      outputShape,
      parameters,
      macs,
    })),
  ];
  const parameters = layers.reduce((sum, layer) => sum + layer.parameters, 0);
  return {
    layers,
    parameters,
    macs: layers.reduce((sum, layer) => sum + layer.macs, 0),
    bytes: parameters * FLOAT32_BYTES,
  };
}
