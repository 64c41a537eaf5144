/**
 * Writes ONNX (https://github.com/onnx/onnx/blob/main/docs/IR.md): input `input`, float32 [N, 3, S, S], normalised as the
 * card says, N free; one output for each layer that is asked for, under its own name (fc7 after its ReLU, logits); weights
 * with torchvision's names. The weights are written one layer at a time, and only those that the outputs need.
 */

import protobuf from 'protobufjs/light.js';
import { INPUT_CHANNELS, KERNEL_SIZE, type Layer, layersOf } from '../../network/architecture.js';
import type { Model, ModelCard } from '../../network/card.js';
import { outputName } from '../../network/layer-names.js';
import type { Preset } from '../../network/preset.js';
import { TORCH_LAYOUT } from '../../network/tensors.js';
import { TORCHVISION_MODULES } from '../../network/torch-modules.js';
import { elementCount } from '../../shape.js';
import { cardMetadata } from '../card/metadata.js';
import { readLayer } from '../export/layer-weights.js';
import { writeNewFile } from '../export/new-file.js';
import type { ExportDType, ExporterOptions } from '../export/options.js';
import { encode } from '../safetensors/write.js';
import { LENGTH_DELIMITED } from '../shared/protobuf.js';
import { ATTRIBUTE, DATA_TYPE, FIELD, ONNX } from './proto.js';

/** IR version 8 and operators 17 came with ONNX 1.12 (2022); every ONNX Runtime since 1.12 reads them. */
const IR_VERSION = 8;
const OPSET = 17;

const INPUT = 'input';

/** Name of the free axis. */
const BATCH = 'N';

const TYPES: Readonly<Record<ExportDType, readonly [type: number, bytes: number]>> = {
  f32: [DATA_TYPE.FLOAT, 4],
  f16: [DATA_TYPE.FLOAT16, 2],
  bf16: [DATA_TYPE.BFLOAT16, 2],
};

export async function exportOnnx(model: Model, path: string, options: ExporterOptions): Promise<void> {
  const { outputs, dtype, signal } = options;
  const all = layersOf(model.card.architecture);
  const layers = all.slice(0, all.findLastIndex(({ name }) => outputs.includes(name)) + 1);
  const graph = new Graph(dtype, outputs);
  for (const layer of layers) graph.add(layer);
  const weights = layers.flatMap((layer) => weightsOf(layer, dtype));
  const beginning = Buffer.concat([
    ...graph.nodes.map((node) => field(FIELD.graph.node, node)),
    ONNX.GraphProto.encode({ name: 'vgg16' }).finish(),
  ]);
  const end = ONNX.GraphProto.encode(valuesOf(model.card, layers, outputs)).finish();
  const bytes = weights.reduce((sum, each) => sum + each.bytes, beginning.length + end.length);

  const pieces = async function* (): AsyncGenerator<Uint8Array> {
    yield ONNX.ModelProto.encode({ irVersion: IR_VERSION, producerName: 'vgg16' }).finish();
    yield start(FIELD.model.graph, bytes);
    yield beginning;
    for (const { layer, kernelStart, biasStart } of weights) {
      const { kernel, bias } = await readLayer(model, layer, TORCH_LAYOUT);
      yield* [kernelStart, encode(kernel, dtype), biasStart, encode(bias, dtype)];
    }
    yield end;
    yield ONNX.ModelProto.encode(closing(model.card)).finish();
  };
  await writeNewFile(path, pieces(), signal);
}

/** After the graph, as the fields' numbers go: the operators' version, and the card. */
function closing(card: ModelCard) {
  return {
    opsetImport: [{ domain: '', version: OPSET }],
    metadataProps: Object.entries(cardMetadata(card)).map(([key, value]) => ({ key, value })),
  };
}

/** The input and the outputs with their shapes. */
function valuesOf(
  { architecture: { inputSize }, preset }: ModelCard,
  layers: readonly Layer[],
  outputs: readonly string[],
) {
  const value = (name: string, shape: readonly number[], docString: string) => ({
    name,
    docString,
    type: {
      tensorType: {
        elemType: DATA_TYPE.FLOAT,
        shape: { dim: [{ dimParam: BATCH }, ...shape.map((dimValue) => ({ dimValue }))] },
      },
    },
  });
  return {
    input: [value(INPUT, [INPUT_CHANNELS, inputSize, inputSize], inputText(preset))],
    output: layers
      .filter(({ name }) => outputs.includes(name))
      .map(({ name, outputShape }) => {
        const text = name === 'fc8' ? 'before the softmax' : name.startsWith('pool') ? '' : 'after its ReLU';
        return value(outputName(name), channelsFirst(outputShape), text);
      }),
  };
}

function inputText({ channels, divisor, mean, std, resize, crop }: Preset): string {
  const scaled = divisor === 1 ? 'x' : `x / ${divisor}`;
  return `${channels}, (${scaled} - [${mean.join(', ')}]) / [${std.join(', ')}]; short side ${resize}, centre ${crop}`;
}

const channelsFirst = (shape: readonly number[]): readonly number[] => [...shape.slice(-1), ...shape.slice(0, -1)];

interface Attribute {
  readonly name: string;
  readonly type: number;
  readonly i?: number;
  readonly ints?: readonly number[];
}

const ints = (name: string, values: readonly number[]): Attribute => ({ name, type: ATTRIBUTE.ints, ints: values });

const int = (name: string, value: number): Attribute => ({ name, type: ATTRIBUTE.int, i: value });

/** The nodes of a line of layers, encoded; values are named after torchvision's modules, outputs after their layers. */
class Graph {
  readonly nodes: Uint8Array[] = [];
  #value = INPUT;
  #module = '';
  #flat = false;

  constructor(
    readonly dtype: ExportDType,
    readonly outputs: readonly string[],
  ) {}

  add({ name, kind }: Layer): void {
    const named = this.outputs.includes(name) ? outputName(name) : undefined;
    if (kind === 'pool') {
      this.#node(
        'MaxPool',
        following(this.#module, 2),
        [],
        [ints('kernel_shape', [2, 2]), ints('strides', [2, 2])],
        named,
      );
      return;
    }
    if (kind === 'fc' && !this.#flat) {
      this.#node('Flatten', 'flatten', [], [int('axis', 1)]);
      this.#flat = true;
    }
    this.#module = TORCHVISION_MODULES.get(name) as string;
    const weights = [this.#weight('weight'), this.#weight('bias')];
    if (kind === 'conv') {
      const attributes = [ints('kernel_shape', [KERNEL_SIZE, KERNEL_SIZE]), ints('pads', [1, 1, 1, 1])];
      this.#node('Conv', this.#module, weights, attributes);
    } else {
      this.#node('Gemm', this.#module, weights, [int('transB', 1)], name === 'fc8' ? named : undefined);
    }
    if (name !== 'fc8') this.#node('Relu', following(this.#module, 1), [], [], named);
  }

  /** A weight of this module as float32. */
  #weight(part: string): string {
    const name = `${this.#module}.${part}`;
    if (this.dtype === 'f32') return name;
    const wide = `${name}.float32`;
    this.#encode('Cast', wide, [name], wide, [int('to', DATA_TYPE.FLOAT)]);
    return wide;
  }

  /** Reads the value so far, and what it gives is the next; `named`: where that is an output. */
  #node(opType: string, name: string, more: readonly string[], attribute: readonly Attribute[], named = name): void {
    this.#encode(opType, name, [this.#value, ...more], named, attribute);
    this.#value = named;
  }

  #encode(
    opType: string,
    name: string,
    input: readonly string[],
    output: string,
    attribute: readonly Attribute[],
  ): void {
    this.nodes.push(ONNX.NodeProto.encode({ opType, name, input, output: [output], attribute }).finish());
  }
}

/** The module `steps` after one: features.2 is the second after features.0. */
function following(module: string, steps: number): string {
  const [parent, index] = module.split('.');
  return `${parent}.${Number(index) + steps}`;
}

/** The bytes of a layer's two tensors before their data, and of both tensors with their data. */
interface LayerBytes {
  readonly layer: string;
  readonly kernelStart: Uint8Array;
  readonly biasStart: Uint8Array;
  readonly bytes: number;
}

function weightsOf({ name, kernelShape }: Layer, dtype: ExportDType): readonly LayerBytes[] {
  if (kernelShape === undefined) return [];
  const [input, output] = kernelShape.slice(-2) as [number, number];
  const module = TORCHVISION_MODULES.get(name);
  const kernel = tensorStart(`${module}.weight`, [output, input, ...kernelShape.slice(0, -2)], dtype);
  const bias = tensorStart(`${module}.bias`, [output], dtype);
  const bytes = [kernel, bias].reduce((sum, each) => sum + each.start.length + each.dataBytes, 0);
  return [{ layer: name, kernelStart: kernel.start, biasStart: bias.start, bytes }];
}

/** An initializer up to its data, which are its last field. */
function tensorStart(name: string, dims: readonly number[], dtype: ExportDType) {
  const [dataType, size] = TYPES[dtype];
  const dataBytes = elementCount(dims) * size;
  const tensor = ONNX.TensorProto.encode({ dims, dataType, name }).finish();
  const raw = start(FIELD.tensor.rawData, dataBytes);
  const bytes = tensor.length + raw.length;
  return { start: Buffer.concat([start(FIELD.graph.initializer, bytes + dataBytes), tensor, raw]), dataBytes };
}

/** Tag and length of a field. */
function start(id: number, length: number): Uint8Array {
  return protobuf.Writer.create()
    .uint32((id << 3) | LENGTH_DELIMITED)
    .uint32(length)
    .finish();
}

function field(id: number, content: Uint8Array): Buffer {
  return Buffer.concat([start(id, content.length), content]);
}
