/**
 * A TensorFlow graph, and how its nodes are followed from an output back, through the functions that it calls. SavedModels
 * hold such graphs as protobuf, tfjs graph models as JSON. Ops: tensorflow/core/ops/*.cc.
 */

import { modelError } from '../../errors.js';
import { shown } from '../shared/shown.js';
import type { StoredTensor } from '../shared/stored-tensor.js';

/** An attribute as far as VGG-16 needs it: a function is its name, a type its number or name, a shape its sizes. */
export type TfAttribute = number | string | boolean | readonly number[] | readonly string[];

export interface TfNode {
  readonly name: string;
  readonly op: string;
  /** `node`, `node:1` or, in a function, `node:output:1`; those that only wait for a node are left out. */
  readonly inputs: readonly string[];
  /** `value` of a small constant: its integers or texts. */
  readonly attributes: ReadonlyMap<string, TfAttribute>;
}

export type TfNodes = ReadonlyMap<string, TfNode>;

export interface TfFunction {
  /** Names of its arguments. */
  readonly inputs: readonly string[];
  /** What it returns, in order, as nodes' inputs have it. */
  readonly outputs: readonly string[];
  readonly nodes: TfNodes;
}

export interface TfGraph {
  readonly nodes: TfNodes;
  readonly functions: ReadonlyMap<string, TfFunction>;
  /** The floating-point constants. */
  readonly constants: ReadonlyMap<TfNode, StoredTensor>;
}

/** Nodes that a walk passes, at most: VGG-16 as Keras exports it has 150 between its output and its input. */
const MAX_HOPS = 20_000;

/** Calls inside calls, at most: Keras's have four. */
const MAX_DEPTH = 32;

/** Give their first input unchanged, as far as weights and activations go. */
const PASSING = new Set([
  'Cast',
  'CheckNumerics',
  'EnsureShape',
  'Identity',
  'PlaceholderWithDefault',
  'PreventGradient',
  'Snapshot',
  'StopGradient',
]);

const CALLS = new Set(['PartitionedCall', 'StatefulPartitionedCall']);

/** Nodes that see each other by name: the graph, or one call of a function. */
interface Scope {
  readonly nodes: TfNodes;
  /** Of a call: what stands for its arguments. */
  readonly args: ReadonlyMap<string, Reference>;
  readonly calls: Map<TfNode, Scope>;
  readonly depth: number;
}

/** An output of a node. */
export interface Reference {
  readonly scope: Scope;
  readonly text: string;
}

/** A node that is no call and passes nothing on. */
export interface Found {
  readonly scope: Scope;
  readonly node: TfNode;
  /** Which of its outputs. */
  readonly index: number;
}

/** Follows references; counts them, so that no graph keeps it busy for ever. */
export class TfResolver {
  readonly root: Scope;
  #hops = 0;

  constructor(
    readonly graph: TfGraph,
    readonly file: string,
  ) {
    this.root = { nodes: graph.nodes, args: new Map(), calls: new Map(), depth: 0 };
  }

  /** The node that computes `reference`. */
  find(reference: Reference): Found {
    for (let at = reference; ; ) {
      if (++this.#hops > MAX_HOPS) throw this.refuse(`its graph takes more than ${MAX_HOPS} steps to follow`);
      const { scope, text } = at;
      const name = text.split(':', 1)[0] as string;
      const argument = scope.args.get(text);
      const node = scope.nodes.get(name);
      if (argument !== undefined) at = argument;
      else if (node === undefined) throw this.refuse(`its node ${shown(name)} is missing`);
      else if (PASSING.has(node.op)) at = this.input({ scope, node, index: 0 }, 0);
      else if (CALLS.has(node.op)) at = this.#result(scope, node, outputIndex(text));
      else return { scope, node, index: outputIndex(text) };
    }
  }

  input({ scope, node }: Found, index: number): Reference {
    const text = node.inputs[index];
    if (text === undefined) throw this.refuse(`${shown(node.name)} lacks its input ${index}`);
    return { scope, text };
  }

  /** The inside of a call. */
  enter(scope: Scope, node: TfNode): Scope {
    const known = scope.calls.get(node);
    if (known !== undefined) return known;
    const called = this.#called(node);
    if (scope.depth >= MAX_DEPTH) throw this.refuse(`its functions call each other more than ${MAX_DEPTH} deep`);
    const args = new Map(
      called.inputs.flatMap((name, i) => {
        const text = node.inputs[i];
        return text === undefined ? [] : [[name, { scope, text }] as const];
      }),
    );
    const inner = { nodes: called.nodes, args, calls: new Map(), depth: scope.depth + 1 };
    scope.calls.set(node, inner);
    return inner;
  }

  #result(scope: Scope, node: TfNode, index: number): Reference {
    const text = this.#called(node).outputs[index];
    if (text === undefined) throw this.refuse(`${shown(node.name)} has no output ${index}`);
    return { scope: this.enter(scope, node), text };
  }

  #called(node: TfNode): TfFunction {
    const name = node.attributes.get('f');
    const called = typeof name === 'string' ? this.graph.functions.get(name) : undefined;
    if (called === undefined) throw this.refuse(`its function ${shown(name)} is missing`);
    return called;
  }

  refuse(why: string): Error {
    return modelError(`${this.file} is not a VGG-16: ${why}.`);
  }
}

/** `node` and `node:0` are the first output, `node:output:2` the third. */
function outputIndex(text: string): number {
  const last = text.lastIndexOf(':');
  const index = last < 0 ? 0 : Number(text.slice(last + 1));
  return Number.isSafeInteger(index) && index >= 0 ? index : 0;
}
