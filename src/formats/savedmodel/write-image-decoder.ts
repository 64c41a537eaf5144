/** From the bytes of one JPEG or PNG to the pixels that a network reads, as a TensorFlow function. */

import { INPUT_CHANNELS } from '../../network/architecture.js';
import { type Attribute, DType } from '../../network/graph/builder.js';
import { nodeMessage } from '../../network/graph/messages.js';
import { type FunctionDef, proto } from '../../network/graph/proto.js';
import type { Preset } from '../../network/preset.js';

export const DECODE = 'vgg16_decode_image';

const INT = { T: { type: DType.int32 } };
const FLOAT = { T: { type: DType.float32 } };

/**
 * `image_bytes`, one text, to `image`, float32 [S, S, 3], RGB from 0 to 255: decoded, its shorter side resized to
 * `preset.resize`, its centre cut out. The same numbers as the preset's own preparation has: the longer side is rounded
 * down, the centre to the even place, the filter is a triangle as wide as the reduction, and pixels are whole numbers.
 * An orientation in the image's metadata is not looked at, as in torchvision and Keras.
 */
export function decodeFunction({ resize, crop }: Preset): FunctionDef {
  const f = new FunctionNodes();
  const image = f.node('DecodeJpeg', 'decode', ['image_bytes'], 'image', {
    channels: { int: INPUT_CHANNELS },
    ratio: { int: 1 },
    fancy_upscaling: { flag: true },
    try_recover_truncated: { flag: false },
    acceptable_fraction: { float: 1 },
    dct_method: { text: 'INTEGER_ACCURATE' },
  });
  const batchAxis = f.constant('batch/axis', DType.int32, 0);
  const batch = f.node('ExpandDims', 'batch', [image, batchAxis], 'output', {
    T: { type: DType.uint8 },
    Tdim: { type: DType.int32 },
  }); // [1, h, w, 3]

  const shape = f.node('Shape', 'shape', [image], 'output', {
    T: { type: DType.uint8 },
    out_type: { type: DType.int32 },
  });
  const begin = f.constant('sides/begin', DType.int32, [0]);
  const two = f.constant('sides/size', DType.int32, [2]);
  const sides = f.node('Slice', 'sides', [shape, begin, two], 'output', { ...INT, Index: { type: DType.int32 } }); // [h, w]
  const axis = f.constant('short/axis', DType.int32, [0]);
  const short = f.node('Min', 'short', [sides, axis], 'output', {
    ...INT,
    Tidx: { type: DType.int32 },
    keep_dims: { flag: false },
  });
  const target = f.constant('resized/side', DType.int32, resize);
  const product = f.node('Mul', 'resized/product', [sides, target], 'z', INT);
  const resized = f.node('FloorDiv', 'resized', [product, short], 'z', INT);

  const toFloat = { SrcT: { type: DType.int32 }, DstT: { type: DType.float32 }, Truncate: { flag: false } };
  const before = f.node('Cast', 'before', [sides], 'y', toFloat);
  const after = f.node('Cast', 'after', [resized], 'y', toFloat);
  const scale = f.node('RealDiv', 'scale', [after, before], 'z', FLOAT);
  const cropSides = f.constant('crop/sides', DType.float32, [crop, crop]);
  const rest = f.node('Sub', 'crop/rest', [cropSides, after], 'z', FLOAT);
  const half = f.constant('crop/half', DType.float32, 0.5);
  const middle = f.node('Mul', 'crop/middle', [rest, half], 'z', FLOAT);
  const translation = f.node('Round', 'crop/translation', [middle], 'y', FLOAT); // halves to the even number

  // Columns first, then rows, each to whole numbers, as Pillow does.
  const height = f.part('height', sides, 0);
  const width = f.constant('width', DType.int32, [crop]);
  const narrow = f.list('narrow/size', [height, width], DType.int32);
  const one = f.constant('one', DType.float32, [1]);
  const none = f.constant('none', DType.float32, [0]);
  const across = {
    scale: f.list('across/scale', [one, f.part('across/factor', scale, 1, DType.float32)], DType.float32),
    shift: f.list('across/shift', [none, f.part('across/offset', translation, 1, DType.float32)], DType.float32),
  };
  const down = {
    scale: f.list('down/scale', [f.part('down/factor', scale, 0, DType.float32), one], DType.float32),
    shift: f.list('down/shift', [f.part('down/offset', translation, 0, DType.float32), none], DType.float32),
  };
  const columns = f.resample('columns', batch, narrow, across, DType.uint8); // [1, h, S, 3]
  const size = f.constant('crop/size', DType.int32, [crop, crop]);
  const whole = f.resample('pixels', columns, size, down, DType.float32); // [1, S, S, 3]
  const output = f.constant('image/shape', DType.int32, [crop, crop, INPUT_CHANNELS]);
  const result = f.node('Reshape', 'pixels/image', [whole, output], 'output', {
    ...FLOAT,
    Tshape: { type: DType.int32 },
  });
  return f.definition(result);
}

/** Nodes whose inputs are written as functions have them: node, the op's name of the output, index. */
class FunctionNodes {
  readonly #definition = new proto.FunctionDef();

  /** Adds a node and returns its only output; `output` is the op's name of it. */
  node(
    op: string,
    name: string,
    inputs: readonly string[],
    output: string,
    attributes: Readonly<Record<string, Attribute>>,
  ): string {
    this.#definition.addNodeDef(nodeMessage(op, name, inputs, attributes));
    return `${name}:${output}:0`;
  }

  constant(name: string, dtype: DType, values: number | readonly number[]): string {
    const constant =
      typeof values === 'number' ? { dtype, shape: [], values: [values] } : { dtype, shape: [values.length], values };
    return this.node('Const', name, [], 'output', { dtype: { type: dtype }, value: { constant } });
  }

  /** One element of a vector, as a vector. */
  part(name: string, vector: string, index: number, dtype: DType = DType.int32): string {
    const begin = this.constant(`${name}/begin`, DType.int32, [index]);
    const size = this.constant(`${name}/size`, DType.int32, [1]);
    const types = { T: { type: dtype }, Index: { type: DType.int32 } };
    return this.node('Slice', name, [vector, begin, size], 'output', types);
  }

  /** Vectors one after the other. */
  list(name: string, vectors: readonly string[], dtype: DType): string {
    const axis = this.constant(`${name}/axis`, DType.int32, 0);
    const types = { N: { int: vectors.length }, T: { type: dtype }, Tidx: { type: DType.int32 } };
    return this.node('ConcatV2', name, [...vectors, axis], 'output', types);
  }

  /** Resizes images of `dtype` by a triangle filter and cuts out what `size` leaves, rounded to whole numbers. */
  resample(
    name: string,
    images: string,
    size: string,
    { scale, shift }: { readonly scale: string; readonly shift: string },
    dtype: DType,
  ): string {
    const resized = this.node('ScaleAndTranslate', name, [images, size, scale, shift], 'resized_images', {
      T: { type: dtype },
      kernel_type: { text: 'triangle' },
      antialias: { flag: true },
    });
    return this.node('Round', `${name}/whole`, [resized], 'y', FLOAT);
  }

  definition(result: string): FunctionDef {
    const argument = (name: string, type: DType) => {
      const message = new proto.OpDef.ArgDef();
      message.setName(name);
      message.setType(type);
      return message;
    };
    const signature = new proto.OpDef();
    signature.setName(DECODE);
    signature.setInputArgList([argument('image_bytes', DType.string)]);
    signature.setOutputArgList([argument('image', DType.float32)]);
    this.#definition.setSignature(signature);
    this.#definition.getRetMap().set('image', result);
    return this.#definition;
  }
}
