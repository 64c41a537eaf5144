/**
 * The weights of VGG-16 that others have published: where they are, how to know that they are whole, and what goes with
 * them. Plain facts, each with the file it was read in; the code checks hashes and shapes whenever it meets such a file.
 */

import type { ModelCard } from '../../network/card.js';
import { PRESETS, type Preset, TORCHVISION_FEATURES } from '../../network/preset.js';
import { IMAGENET_LABELS } from '../imagenet/labels.js';

export interface PublishedHash {
  readonly algorithm: 'sha256' | 'sha384' | 'md5';
  /** In hex; of torchvision's files only the first eight digits are published, in their names. */
  readonly hex: string;
}

export interface KnownWeights {
  /** For `--model` and `model pull`. */
  readonly name: string;
  /** What it is, in half a line. */
  readonly what: string;
  /** Name of the file on a mirror and in the cache. */
  readonly file: string;
  readonly url: string;
  /** Whether `url` itself was read in `source`; otherwise it was put together from a repository's name and its usual form. */
  readonly confirmed: boolean;
  readonly bytes: number;
  /** The published size is rounded: the true one may differ by this many bytes. 0 where it is exact. */
  readonly slack: number;
  readonly hash: PublishedHash;
  readonly preset: Preset;
  readonly labels: readonly string[] | null;
  readonly license: string;
  /** Published, in percent. */
  readonly accuracy: ModelCard['accuracy'];
  /** The framework that keeps this file in its own cache, under the same name. */
  readonly cachedBy?: 'torch' | 'keras';
  /** Why the classifier in the file is of no use: it is left out, and nothing after pool5 can be asked for. */
  readonly noClassifier?: string;
  /** Where size, hash, preprocessing and accuracy were read. */
  readonly source: string;
}

const VALIDATION = 'the ImageNet-1k validation set';

/** Of one crop of 224 pixels from the centre. */
const accuracy = (top1: number, top5: number) => ({ top1, top5, on: VALIDATION });

const MIB = 1024 * 1024;

/** torchvision states sizes in MiB to three decimals. */
const TORCHVISION_SLACK = 0.0005 * MIB;

/** 138,357,544 parameters of four bytes. */
const PARAMETER_BYTES = 553_430_176;

const TORCHVISION_SOURCE = 'torchvision/models/vgg.py (0.28), VGG16_Weights';
const KERAS_SOURCE = 'keras/src/applications/vgg16.py; keras.io/api/applications';
const CAFFE_SOURCE =
  'Open Model Zoo 2022.1, models/public/vgg16: model.yml, README.md, accuracy-check.yml; gist ksimonyan/211839e770f7b538e2d8';
const ONNX_SOURCE =
  'onnx/models, validated/vision/classification/vgg/README.md; ONNX_HUB_MANIFEST.json; the pointers of its large files';

const TORCHVISION_LICENSE = 'BSD-3-Clause (torchvision); trained on ImageNet, whose terms may apply';
const OXFORD_LICENSE = 'CC-BY-4.0 (Visual Geometry Group, Oxford); trained on ImageNet, whose terms may apply';
const ONNX_LICENSE = 'Apache-2.0 (ONNX Model Zoo); trained on ImageNet, whose terms may apply';

/** In the order in which they are listed. */
export const KNOWN_WEIGHTS: readonly KnownWeights[] = [
  {
    name: 'imagenet',
    what: "torchvision's VGG16_Weights.IMAGENET1K_V1, 1,000 classes",
    file: 'vgg16-397923af.pth',
    url: 'https://download.pytorch.org/models/vgg16-397923af.pth',
    confirmed: true,
    bytes: Math.round(527.796 * MIB),
    slack: TORCHVISION_SLACK,
    hash: { algorithm: 'sha256', hex: '397923af' },
    preset: PRESETS.torchvision,
    labels: IMAGENET_LABELS,
    license: TORCHVISION_LICENSE,
    accuracy: accuracy(71.592, 90.382),
    cachedBy: 'torch',
    source: TORCHVISION_SOURCE,
  },
  {
    name: 'imagenet-features',
    what: "torchvision's VGG16_Weights.IMAGENET1K_FEATURES (from SSD), convolutions only",
    file: 'vgg16_features-amdegroot-88682ab5.pth',
    url: 'https://download.pytorch.org/models/vgg16_features-amdegroot-88682ab5.pth',
    confirmed: true,
    bytes: Math.round(527.802 * MIB),
    slack: TORCHVISION_SLACK,
    hash: { algorithm: 'sha256', hex: '88682ab5' },
    preset: TORCHVISION_FEATURES,
    labels: null,
    license: TORCHVISION_LICENSE,
    accuracy: null,
    cachedBy: 'torch',
    noClassifier: "the classifier in torchvision's IMAGENET1K_FEATURES holds no valid values, only its convolutions do",
    source: TORCHVISION_SOURCE,
  },
  {
    name: 'imagenet-timm',
    what: "timm's vgg16.tv_in1k: torchvision's weights, measured by timm",
    file: 'timm-vgg16.tv_in1k.safetensors',
    url: 'https://huggingface.co/timm/vgg16.tv_in1k/resolve/main/model.safetensors',
    confirmed: false,
    bytes: PARAMETER_BYTES,
    slack: 69_824, // published as 553 MB, so below 553.5
    hash: { algorithm: 'sha256', hex: '57b026918159a6bf9faf8405c3a551903768e7138989d9c6224a14227203fad8' },
    preset: PRESETS.torchvision,
    labels: IMAGENET_LABELS,
    license: 'BSD-3-Clause (timm, torchvision); trained on ImageNet, whose terms may apply',
    accuracy: accuracy(71.594, 90.398),
    source: "timm/models/vgg.py and results/results-imagenet.csv; the repository's own page",
  },
  {
    name: 'imagenet-keras',
    what: "Keras's VGG16(weights='imagenet'), 1,000 classes",
    file: 'vgg16_weights_tf_dim_ordering_tf_kernels.h5',
    url: 'https://storage.googleapis.com/tensorflow/keras-applications/vgg16/vgg16_weights_tf_dim_ordering_tf_kernels.h5',
    confirmed: true,
    bytes: 553_467_096,
    slack: 0,
    hash: { algorithm: 'md5', hex: '64373286793e3c8b2b4e3219cbf3544b' },
    preset: PRESETS.keras,
    labels: IMAGENET_LABELS,
    license: OXFORD_LICENSE,
    accuracy: accuracy(71.3, 90.1),
    cachedBy: 'keras',
    source: `${KERAS_SOURCE}; the size from logs of its download`,
  },
  {
    name: 'imagenet-keras-notop',
    what: "Keras's VGG16(weights='imagenet', include_top=False), convolutions only",
    file: 'vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5',
    url: 'https://storage.googleapis.com/tensorflow/keras-applications/vgg16/vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5',
    confirmed: true,
    bytes: 58_889_256,
    slack: 0,
    hash: { algorithm: 'md5', hex: '6d6bbae143d832006294945121d1f1fc' },
    preset: PRESETS.keras,
    labels: null,
    license: OXFORD_LICENSE,
    accuracy: null,
    cachedBy: 'keras',
    source: `${KERAS_SOURCE}; the size from logs of its download`,
  },
  {
    name: 'imagenet-caffe',
    what: 'the original of Simonyan and Zisserman for Caffe (configuration D), 1,000 classes',
    file: 'VGG_ILSVRC_16_layers.caffemodel',
    url: 'http://www.robots.ox.ac.uk/~vgg/software/very_deep/caffe/VGG_ILSVRC_16_layers.caffemodel',
    confirmed: true,
    bytes: 553_432_081,
    slack: 0,
    hash: {
      algorithm: 'sha384',
      hex: '8ed7890af721fa22a9a356c00ec8360984f572b37991d1a5d70993ece85a0d25d675f02ff27c443523be1b61b9bb3d15',
    },
    preset: PRESETS.caffe,
    labels: IMAGENET_LABELS,
    license: OXFORD_LICENSE,
    accuracy: accuracy(70.968, 89.878),
    source: CAFFE_SOURCE,
  },
  {
    name: 'imagenet-onnx',
    what: "the ONNX Model Zoo's vgg16-12 (from MXNet Gluon), 1,000 classes",
    file: 'vgg16-12.onnx',
    url: 'https://github.com/onnx/models/raw/main/validated/vision/classification/vgg/model/vgg16-12.onnx',
    confirmed: false,
    bytes: 553_437_752,
    slack: 0,
    hash: { algorithm: 'sha256', hex: '722c42f53ca03a5480296bf8f9c85a151de3eed9ec982d7d2302ff6e2900c67b' },
    preset: PRESETS.torchvision,
    labels: IMAGENET_LABELS,
    license: ONNX_LICENSE,
    accuracy: accuracy(72.38, 91.0),
    source: ONNX_SOURCE,
  },
  {
    name: 'imagenet-onnx-int8',
    what: "the ONNX Model Zoo's vgg16-12-int8: weights of 8 bits (Neural Compressor), here in floating point",
    file: 'vgg16-12-int8.onnx',
    url: 'https://github.com/onnx/models/raw/main/validated/vision/classification/vgg/model/vgg16-12-int8.onnx',
    confirmed: false,
    bytes: 138_407_238,
    slack: 0,
    hash: { algorithm: 'sha256', hex: '0d0a8e1d69f70404421e37dbad4f8bd21d42758e9f426bd5b39e9e4e9e1afa23' },
    preset: PRESETS.torchvision,
    labels: IMAGENET_LABELS,
    license: ONNX_LICENSE,
    accuracy: accuracy(72.32, 90.97),
    source: ONNX_SOURCE,
  },
];

export function knownWeights(name: string): KnownWeights | undefined {
  return KNOWN_WEIGHTS.find((known) => known.name === name);
}

/** Whether a digest in hex is the published one, or begins with what is published of it. */
export function isPublished(digest: string, { hex }: PublishedHash): boolean {
  return digest.startsWith(hex);
}

/** What is known of the weights beyond what their file holds. */
export function cardOf({ name, what, file, preset, labels, license, accuracy, noClassifier }: KnownWeights) {
  return {
    name,
    preset,
    labels,
    license,
    source: `${what}; ${file}`,
    accuracy,
    ...(noClassifier === undefined ? {} : { noClassifier }),
  } satisfies Partial<ModelCard>;
}
