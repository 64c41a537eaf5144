/**
 * VGG-16 as one value: configuration D of Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale
 * Image Recognition" (2014), table 1, with the paper's layer names (conv1_1 … conv5_3, pool1 … pool5, fc6, fc7, fc8).
 * Everything that depends on the network's shape (the graph, the weight readers, the summary) derives it from here.
 */

/** Side of every convolution's kernel, in pixels; padding 1 keeps height and width. */
export const KERNEL_SIZE = 3;

/** Colour channels of the input. */
export const INPUT_CHANNELS = 3;

/** The network's free numbers; its shape is always VGG-16's. */
export interface Architecture {
  /** Height and width of the input, in pixels; a multiple of 32, the product of the five 2x2 pools. */
  readonly inputSize: number;
  /** Output channels of each convolution, block by block. */
  readonly convolutions: readonly (readonly number[])[];
  /** Units of fc6 and fc7; `null` for a convolutional base without classifier ("no top"). */
  readonly classifier: { readonly fc6: number; readonly fc7: number; readonly classes: number } | null;
}

/** The paper's network for `classes` classes (the notebook's `num_classes`). */
export function vgg16(classes = 1000): Architecture {
  return {
    inputSize: 224,
    convolutions: [
      [64, 64],
      [128, 128],
      [256, 256, 256],
      [512, 512, 512],
      [512, 512, 512],
    ],
    classifier: { fc6: 4096, fc7: 4096, classes },
  };
}

/** Convolutions in each block: what makes a network VGG-16, whatever its widths. */
export const CONVOLUTIONS_PER_BLOCK: readonly number[] = vgg16().convolutions.map((block) => block.length);

export type LayerKind = 'conv' | 'pool' | 'fc';

/** One row of the network, from the input down; shapes are one image's, without the batch. */
export interface Layer {
  /** The paper's name: conv1_1, pool1, fc6 … */
  readonly name: string;
  readonly kind: LayerKind;
  /** [height, width, channels], or [units]. */
  readonly inputShape: readonly number[];
  readonly outputShape: readonly number[];
  /** [3, 3, in, out] for a convolution, [in, out] for a dense layer (TensorFlow's order); none for a pool. */
  readonly kernelShape: readonly number[] | undefined;
  /** Kernel and bias. */
  readonly parameters: number;
  /** Multiply-accumulates for one image (a fused multiply-add counts once). */
  readonly macs: number;
}

/** The layers in the order of the forward pass. */
export function layersOf(architecture: Architecture): readonly Layer[] {
  const layers: Layer[] = [];
  let size = architecture.inputSize;
  let channels = INPUT_CHANNELS;
  architecture.convolutions.forEach((block, b) => {
    block.forEach((width, c) => {
      const kernel = KERNEL_SIZE * KERNEL_SIZE * channels * width;
      layers.push({
        name: `conv${b + 1}_${c + 1}`,
        kind: 'conv',
        inputShape: [size, size, channels],
        outputShape: [size, size, width],
        kernelShape: [KERNEL_SIZE, KERNEL_SIZE, channels, width],
        parameters: kernel + width,
        macs: kernel * size * size,
      });
      channels = width;
    });
    const half = Math.floor(size / 2);
    layers.push({
      name: `pool${b + 1}`,
      kind: 'pool',
      inputShape: [size, size, channels],
      outputShape: [half, half, channels],
      kernelShape: undefined,
      parameters: 0,
      macs: 0,
    });
    size = half;
  });
  if (architecture.classifier !== null) {
    const { fc6, fc7, classes } = architecture.classifier;
    let units = size * size * channels;
    for (const [name, width] of Object.entries({ fc6, fc7, fc8: classes })) {
      layers.push({
        name,
        kind: 'fc',
        inputShape: [units],
        outputShape: [width],
        kernelShape: [units, width],
        parameters: units * width + width,
        macs: units * width,
      });
      units = width;
    }
  }
  return layers;
}

/** The layers that carry weights, in order: 13 convolutions and, with a classifier, three dense layers. */
export function weightLayersOf(
  architecture: Architecture,
): readonly (Layer & { readonly kernelShape: readonly number[] })[] {
  return layersOf(architecture).filter(
    (layer): layer is Layer & { readonly kernelShape: readonly number[] } => layer.kernelShape !== undefined,
  );
}
