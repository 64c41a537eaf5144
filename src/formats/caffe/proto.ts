/** Caffe's messages, as far as they are read: BVLC/caffe, src/caffe/proto/caffe.proto. Types in protobufjs's spelling. */

import { messageTypes } from '../shared/protobuf.js';

export const CAFFE = messageTypes({
  NetParameter: {
    name: [1, 'string'],
    input: [3, 'string', 'repeated'],
    inputDim: [4, 'int32', 'repeated'],
    inputShape: [8, 'BlobShape', 'repeated'],
  },
  LayerParameter: {
    name: [1, 'string'],
    type: [2, 'string'],
    bottom: [3, 'string', 'repeated'],
    top: [4, 'string', 'repeated'],
    transform: [100, 'TransformationParameter'],
    convolution: [106, 'ConvolutionParameter'],
    flatten: [135, 'FlattenParameter'],
    innerProduct: [117, 'InnerProductParameter'],
    input: [143, 'InputParameter'],
    pooling: [121, 'PoolingParameter'],
    relu: [123, 'ReLUParameter'],
    softmax: [125, 'SoftmaxParameter'],
  },
  V1LayerParameter: {
    bottom: [2, 'string', 'repeated'],
    top: [3, 'string', 'repeated'],
    name: [4, 'string'],
    type: [5, 'int32'],
    transform: [36, 'TransformationParameter'],
    convolution: [10, 'ConvolutionParameter'],
    innerProduct: [17, 'InnerProductParameter'],
    pooling: [19, 'PoolingParameter'],
    relu: [30, 'ReLUParameter'],
    softmax: [39, 'SoftmaxParameter'],
  },
  BlobProto: {
    num: [1, 'int32'],
    channels: [2, 'int32'],
    height: [3, 'int32'],
    width: [4, 'int32'],
    shape: [7, 'BlobShape'],
  },
  BlobShape: { dim: [1, 'int64', 'repeated'] },
  ConvolutionParameter: {
    pad: [3, 'uint32', 'repeated'],
    kernelSize: [4, 'uint32', 'repeated'],
    group: [5, 'uint32'],
    stride: [6, 'uint32', 'repeated'],
    padH: [9, 'uint32'],
    padW: [10, 'uint32'],
    strideH: [13, 'uint32'],
    strideW: [14, 'uint32'],
    dilation: [18, 'uint32', 'repeated'],
  },
  FlattenParameter: { axis: [1, 'int32'] },
  InnerProductParameter: { axis: [5, 'int32'], transpose: [6, 'bool'] },
  InputParameter: { shape: [1, 'BlobShape', 'repeated'] },
  PoolingParameter: {
    pool: [1, 'int32'],
    kernelSize: [2, 'uint32'],
    stride: [3, 'uint32'],
    pad: [4, 'uint32'],
    kernelH: [5, 'uint32'],
    kernelW: [6, 'uint32'],
    strideH: [7, 'uint32'],
    strideW: [8, 'uint32'],
    padH: [9, 'uint32'],
    padW: [10, 'uint32'],
    globalPooling: [12, 'bool'],
    roundMode: [13, 'int32'],
  },
  ReLUParameter: { negativeSlope: [1, 'float'] },
  SoftmaxParameter: { axis: [2, 'int32'] },
  TransformationParameter: { cropSize: [3, 'uint32'] },
});

/** Numbers of fields that stay in the file when their message is read. */
export const FIELD = {
  net: { layers: 2, layer: 100 },
  layer: { blobs: 7 },
  v1Layer: { blobs: 6 },
  blob: { data: 5, doubleData: 8 },
} as const;

/** V1LayerParameter.LayerType by the later names, of those that a VGG-16 may have. */
export const V1_TYPES: Readonly<Record<number, string>> = {
  1: 'Accuracy',
  4: 'Convolution',
  5: 'Data',
  6: 'Dropout',
  8: 'Flatten',
  9: 'HDF5Data',
  12: 'ImageData',
  14: 'InnerProduct',
  15: 'LRN',
  17: 'Pooling',
  18: 'ReLU',
  20: 'Softmax',
  21: 'SoftmaxWithLoss',
  22: 'Split',
  24: 'WindowData',
  29: 'MemoryData',
  32: 'DummyData',
  36: 'Silence',
};

export interface NetMessage {
  readonly input: readonly string[];
  readonly inputDim: readonly number[];
  readonly inputShape: readonly ShapeMessage[];
}

export interface ShapeMessage {
  readonly dim: readonly number[];
}

/** Fields that are not there are 0, false, '' or, for messages, null. */
export interface LayerMessage {
  readonly name: string;
  readonly type: string;
  readonly bottom: readonly string[];
  readonly top: readonly string[];
  readonly transform: { readonly cropSize: number } | null;
  readonly convolution: ConvolutionMessage | null;
  /** Not in the form of 2014. */
  readonly flatten?: { readonly axis: number } | null;
  readonly innerProduct: { readonly axis: number; readonly transpose: boolean } | null;
  readonly input?: { readonly shape: readonly ShapeMessage[] } | null;
  readonly pooling: PoolingMessage | null;
  readonly relu: { readonly negativeSlope: number } | null;
  readonly softmax: { readonly axis: number } | null;
}

export interface V1LayerMessage extends Omit<LayerMessage, 'type'> {
  readonly type: number;
}

export interface ConvolutionMessage {
  readonly pad: readonly number[];
  readonly kernelSize: readonly number[];
  readonly group: number;
  readonly stride: readonly number[];
  readonly padH: number;
  readonly padW: number;
  readonly strideH: number;
  readonly strideW: number;
  readonly dilation: readonly number[];
}

export interface PoolingMessage {
  readonly pool: number;
  readonly kernelSize: number;
  readonly stride: number;
  readonly pad: number;
  readonly kernelH: number;
  readonly kernelW: number;
  readonly strideH: number;
  readonly strideW: number;
  readonly padH: number;
  readonly padW: number;
  readonly globalPooling: boolean;
  readonly roundMode: number;
}

export interface BlobMessage {
  readonly num: number;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  readonly shape: ShapeMessage | null;
}
