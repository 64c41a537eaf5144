/** A node of an ONNX graph, with its attributes read as what they should be. */

import { modelError } from '../../errors.js';
import { shown } from '../shared/shown.js';
import type { AttributeMessage, NodeMessage } from './proto.js';
import type { OnnxTensor } from './tensor.js';

export type Attributes = ReadonlyMap<string, AttributeMessage & { readonly tensor?: OnnxTensor }>;

/** The empty name and this one are the same: the operators of ONNX itself. */
const DEFAULT_DOMAIN = 'ai.onnx';

export class OnnxNode {
  /** With the domain in front where it is not ONNX's own: `Conv`, `com.microsoft.QGemm`. */
  readonly op: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** For messages: its name, else that of its output. */
  readonly name: string;

  constructor(
    { opType, domain, input, output, name }: NodeMessage,
    readonly attributes: Attributes,
    readonly path: string,
  ) {
    this.op = domain === '' || domain === DEFAULT_DOMAIN ? opType : `${domain}.${opType}`;
    this.inputs = input;
    this.outputs = output;
    this.name = name === '' ? (output[0] ?? '') : name;
  }

  int(key: string, otherwise: number): number {
    return this.attributes.get(key)?.i ?? otherwise;
  }

  float(key: string, otherwise: number): number {
    return this.attributes.get(key)?.f ?? otherwise;
  }

  ints(key: string, otherwise: readonly number[]): readonly number[] {
    return this.attributes.get(key)?.ints ?? otherwise;
  }

  text(key: string, otherwise: string): string {
    const bytes = this.attributes.get(key)?.s;
    return bytes === undefined ? otherwise : Buffer.from(bytes).toString('latin1');
  }

  /** Throws MODEL_INVALID unless `value`, of this attribute or input, is one of `allowed`. */
  expect(key: string, value: unknown, ...allowed: readonly unknown[]): void {
    if (allowed.some((each) => same(each, value))) return;
    throw this.wrong(key, shown(allowed[0]), value);
  }

  /** Unless all of an attribute's numbers are `expected`. */
  expectAll(key: string, values: readonly number[], expected: number): void {
    if (values.every((value) => value === expected)) return;
    throw this.wrong(key, `${expected} everywhere`, values);
  }

  wrong(key: string, expected: string, value: unknown): Error {
    return this.refuse(
      `expected ${expected} as the ${key} of ${shown(this.name)} (${shown(this.op)}) but it is ${shown(value)}`,
    );
  }

  refuse(why: string): Error {
    return modelError(`${this.path} is not a VGG-16: ${why}.`);
  }
}

function same(a: unknown, b: unknown): boolean {
  if (!Array.isArray(a) || !Array.isArray(b)) return a === b;
  return a.length === b.length && a.every((item, i) => item === b[i]);
}
