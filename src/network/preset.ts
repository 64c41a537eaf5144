/** Preprocessing presets: what a set of weights was trained to see. No mean and no crop anywhere else in the code. */

/** Geometry (done by the image stage) and normalisation (done in the graph) of one set of weights. */
export interface Preset {
  readonly name: string;
  /** Length of the shorter side after resizing, in pixels; bilinear, antialiased as in PIL. */
  readonly resize: number;
  /** Side of the square cut from the centre, in pixels: the network's input. */
  readonly crop: number;
  /** Channel order of the network's first convolution. */
  readonly channels: 'RGB' | 'BGR';
  /** Bytes are divided by this before mean and std apply: 255 or 1. */
  readonly divisor: number;
  /** Subtracted, in the order of `channels`. */
  readonly mean: readonly [number, number, number];
  /** Divided by, in the order of `channels`. */
  readonly std: readonly [number, number, number];
}

/** torchvision `VGG16_Weights.IMAGENET1K_V1.transforms()`: torchvision/models/vgg.py and transforms/_presets.py. */
const torchvision: Preset = {
  name: 'torchvision',
  resize: 256,
  crop: 224,
  channels: 'RGB',
  divisor: 255,
  mean: [0.485, 0.456, 0.406],
  std: [0.229, 0.224, 0.225],
};

/** torchvision `VGG16_Weights.IMAGENET1K_FEATURES.transforms()`: 0 to 255 less a mean, as the paper has it, in RGB. */
export const TORCHVISION_FEATURES: Preset = {
  ...torchvision,
  name: 'torchvision-features',
  mean: [0.48235, 0.45882, 0.40784],
  std: [1 / 255, 1 / 255, 1 / 255],
};

/** The Oxford weights as published for Caffe (gist ksimonyan/211839e770f7b538e2d8): BGR, mean pixel subtracted. */
const caffe: Preset = {
  name: 'caffe',
  resize: 256,
  crop: 224,
  channels: 'BGR',
  divisor: 1,
  mean: [103.939, 116.779, 123.68],
  std: [1, 1, 1],
};

/** Keras's `preprocess_input(mode="caffe")`; Keras prescribes no geometry, so it is the Oxford one. */
const keras: Preset = { ...caffe, name: 'keras' };

export const PRESETS = { torchvision, keras, caffe } as const satisfies Record<string, Preset>;

export type PresetName = keyof typeof PRESETS;
