/** The values of an ONNX graph that do not depend on its input: weights, and what nodes make of them. */

import { modelError } from '../../errors.js';
import type { FileRange, Place } from '../../network/tensors.js';
import { shown } from '../shared/shown.js';
import { MAX_TENSORS, type StoredTensor } from '../shared/stored-tensor.js';
import type { OnnxNode } from './node.js';
import type { OnnxTensor, TensorReader } from './tensor.js';

/** A tensor, or its transpose. */
export interface Constant {
  readonly tensor: OnnxTensor;
  /** Of a matrix whose axes a node has swapped; `tensor` is as it lies in the file. */
  readonly transposed: boolean;
}

/** Nodes between a weight and where it is used, at most: a dequantisation, a cast, a transposition. */
const MAX_CHAIN = 8;

/** DequantizeLinear's, where it does not say. */
const DEFAULT_AXIS = 1;

export class OnnxConstants {
  readonly #producers = new Map<string, OnnxNode>();
  readonly #literals = new Map<string, OnnxTensor>();

  constructor(
    readonly initializers: ReadonlyMap<string, OnnxTensor>,
    nodes: readonly OnnxNode[],
    readonly reader: TensorReader,
  ) {
    for (const node of nodes) {
      for (const output of node.outputs) if (output !== '') this.#producers.set(output, node);
      const tensor = node.op === 'Constant' ? node.attributes.get('value')?.tensor : undefined;
      if (tensor !== undefined) this.#literals.set(tensor.name, tensor);
    }
    if (this.#literals.size > MAX_TENSORS) {
      throw modelError(`Expected at most ${MAX_TENSORS} tensors but ${reader.path} has ${this.#literals.size}.`);
    }
  }

  /** Initializers and the tensors of Constant nodes. */
  get all(): readonly OnnxTensor[] {
    return [...this.initializers.values(), ...this.#literals.values()];
  }

  /** The node that makes a value, casts aside. */
  made(name: string, chain = 0): OnnxNode | undefined {
    const node = this.#producers.get(name);
    const input = node?.op === 'Cast' && chain < MAX_CHAIN ? node.inputs[0] : undefined;
    return input === undefined ? node : this.made(input, chain + 1);
  }

  /** A constant by the name of its value; `undefined` where it depends on the input, or is made in another way. */
  async find(name: string, chain = 0): Promise<Constant | undefined> {
    const tensor = this.initializers.get(name) ?? this.#literals.get(name);
    if (tensor !== undefined) return { tensor, transposed: false };
    const node = this.#producers.get(name);
    const [input] = node?.inputs ?? [];
    if (node === undefined || input === undefined || chain >= MAX_CHAIN) return undefined;
    switch (node.op) {
      // A cast to fewer bits rounds, which is within what such a file promises.
      case 'Cast':
      case 'Identity':
        return await this.find(input, chain + 1);
      case 'Transpose':
        return await this.#transpose(node, input, chain);
      case 'DequantizeLinear':
      case 'com.microsoft.DequantizeLinear':
        return await this.#dequantize(node, input, chain);
      default:
        return undefined;
    }
  }

  /** An input of a node that has to be a constant; `role` says what it is. */
  async need(node: OnnxNode, index: number, role: string): Promise<Constant> {
    const found = await this.optional(node, index, role);
    if (found === undefined) throw node.refuse(`the ${role} of ${shown(node.name)} (${shown(node.op)}) is missing`);
    return found;
  }

  /** The same where it may be left out. */
  async optional(node: OnnxNode, index: number, role: string): Promise<Constant | undefined> {
    const name = node.inputs[index];
    if (name === undefined || name === '') return undefined;
    const found = await this.find(name);
    if (found !== undefined) return found;
    throw node.refuse(`expected stored numbers as the ${role} of ${shown(node.name)} (${shown(node.op)})`);
  }

  /** A small constant's numbers. */
  async numbers(node: OnnxNode, index: number, role: string): Promise<readonly number[]> {
    return (
      this.literal(node.inputs[index] ?? '') ?? (await this.reader.numbers((await this.need(node, index, role)).tensor))
    );
  }

  /** What a Constant holds that is not a tensor. */
  literal(name: string): readonly number[] | undefined {
    const node = this.#producers.get(name);
    if (node?.op !== 'Constant') return undefined;
    const {
      value_ints: ints,
      value_floats: floats,
      value_int: int,
      value_float: float,
    } = Object.fromEntries(node.attributes);
    if (int !== undefined) return [int.i];
    if (float !== undefined) return [float.f];
    return ints?.ints ?? floats?.floats;
  }

  /** Whether a value is known without the input. */
  async isKnown(name: string): Promise<boolean> {
    return this.literal(name) !== undefined || (await this.find(name)) !== undefined;
  }

  /** Numbers that are an attribute before some version of the operator, and an input from it on. */
  async numbersAt(node: OnnxNode, key: string, index: number): Promise<readonly number[] | undefined> {
    const attribute = node.attributes.get(key)?.ints;
    if (attribute !== undefined) return attribute;
    return (node.inputs[index] ?? '') === '' ? undefined : await this.numbers(node, index, key);
  }

  /** A tensor of integers with its scales and zero points, which are inputs of `node`. Int32 (a bias) is read at once. */
  async quantized(
    { tensor, transposed }: Constant,
    scale: readonly number[],
    zero: readonly number[],
    axis: number,
    node: OnnxNode,
  ): Promise<OnnxTensor> {
    const { name, shape, ranges, quantized: type } = tensor;
    const size = shape[axis] ?? 1;
    for (const list of [scale, zero]) {
      if (list.length === 1 || list.length === size) continue;
      throw node.refuse(`expected one scale or ${size} for ${shown(name)} but there are ${list.length}`);
    }
    if (transposed) throw node.refuse(`${shown(name)} is transposed before it is dequantised`);
    const at = (list: readonly number[], i: number) => list[list.length === 1 ? 0 : i] as number;
    if (tensor.dtype.startsWith('INT32') && shape.length === 1) {
      const values = await this.reader.numbers(tensor);
      return this.vector(
        tensor,
        values.map((value, i) => (value - at(zero, i)) * at(scale, i)),
      );
    }
    if (type === undefined || ranges === undefined) {
      throw node.refuse(`expected bytes or float numbers in ${shown(name)} but it holds ${shown(tensor.dtype)}`);
    }
    const count = Math.max(scale.length, zero.length);
    const offset = Array.from({ length: count }, (_, i) => -at(scale, i) * at(zero, i));
    const place: Place = { kind: 'quantized', type, pieces: ranges, scale, offset, axis };
    return { ...tensor, place };
  }

  /**
   * Numbers that are in no file as they are, as a tensor [n]: a place of `near`, which is at least as long, with these as
   * offsets and none of its bytes.
   */
  vector(near: OnnxTensor, values: readonly number[]): OnnxTensor {
    const held = near.ranges?.reduce((sum, { byteLength }) => sum + byteLength, 0) ?? 0;
    if (held < values.length) {
      throw modelError(
        `Expected ${shown(near.name)} in ${this.reader.path} as raw data but it is ${shown(near.dtype)}.`,
      );
    }
    const pieces: FileRange[] = [];
    let missing = values.length;
    for (const { file, offset, byteLength } of near.ranges ?? []) {
      const length = Math.min(byteLength, missing);
      pieces.push({ file, offset, byteLength: length });
      missing -= length;
    }
    const place: Place = { kind: 'quantized', type: 'u8', pieces, scale: [0], offset: values, axis: 0 };
    return { ...near, shape: [values.length], elements: values.length, place, dtype: 'FLOAT' };
  }

  async #transpose(node: OnnxNode, input: string, chain: number): Promise<Constant | undefined> {
    const found = await this.find(input, chain + 1);
    if (found === undefined) return undefined;
    node.expect('perm', node.ints('perm', [1, 0]), [1, 0]);
    if (found.tensor.shape.length !== 2) throw node.refuse(`${shown(found.tensor.name)} is transposed but no matrix`);
    return { ...found, transposed: !found.transposed };
  }

  async #dequantize(node: OnnxNode, input: string, chain: number): Promise<Constant | undefined> {
    const found = await this.find(input, chain + 1);
    if (found === undefined) return undefined;
    const scale = await this.numbers(node, 1, 'scale');
    const zero = (node.inputs[2] ?? '') === '' ? [0] : await this.numbers(node, 2, 'zero point');
    const given = node.int('axis', DEFAULT_AXIS);
    const axis = scale.length === 1 ? 0 : given < 0 ? given + found.tensor.shape.length : given;
    return { tensor: await this.quantized(found, scale, zero, axis, node), transposed: false };
  }
}

/** A tensor that `assemble` reads as it lies. */
export function stored({ name, shape, dtype, place }: OnnxTensor): StoredTensor {
  return { name, shape, dtype, place };
}
