/** Follows the nodes of an ONNX graph from its input to its output: VGG-16 is a line, in which one node reads the one before. */

import { modelError } from '../../errors.js';
import type { NetworkStep } from '../shared/network-steps.js';
import { shown } from '../shared/shown.js';
import type { OnnxNetwork } from './network.js';
import type { OnnxNode } from './node.js';
import { OPERATORS } from './operators.js';

/** These read the data's shape only: nothing of the network depends on them. */
const ASIDE: ReadonlySet<string> = new Set(['Shape', 'Size']);

/**
 * The steps from the value `input` to the last one that is used or among `outputs`; `network` has none yet. Throws
 * MODEL_INVALID for a graph that branches, and for what VGG-16 has not.
 */
export async function followNodes(
  nodes: readonly OnnxNode[],
  network: OnnxNetwork,
  input: string,
  outputs: ReadonlySet<string>,
): Promise<readonly NetworkStep[]> {
  const { path } = network.constants.reader;
  const readers = readersOf(nodes);
  let value = input;
  for (let count = 0; count <= nodes.length; count++) {
    const [node, other] = (readers.get(value) ?? []).filter(({ op }) => !ASIDE.has(op));
    if (node === undefined) {
      if (!outputs.has(value)) throw notVgg16(path, `nothing reads ${shown(value)}, and it is no output`);
      return network.steps;
    }
    if (other !== undefined) {
      throw node.refuse(`it branches: ${shown(node.name)} and ${shown(other.name)} read the same`);
    }
    await apply(node, network, value);
    value = node.outputs[0] ?? '';
  }
  throw notVgg16(path, 'its nodes read their own outputs');
}

/** The nodes that read each value. */
function readersOf(nodes: readonly OnnxNode[]): ReadonlyMap<string, readonly OnnxNode[]> {
  const readers = new Map<string, OnnxNode[]>();
  for (const node of nodes) {
    for (const name of new Set(node.inputs.filter((each) => each !== ''))) {
      const users = readers.get(name) ?? [];
      users.push(node);
      readers.set(name, users);
    }
  }
  return readers;
}

async function apply(node: OnnxNode, network: OnnxNetwork, value: string): Promise<void> {
  const operator = Object.hasOwn(OPERATORS, node.op) ? OPERATORS[node.op] : undefined;
  if (operator === undefined)
    throw node.refuse(`its node ${shown(node.name)} is a ${shown(node.op)}, which VGG-16 lacks`);
  await operator(network, node, node.inputs.indexOf(value));
}

function notVgg16(path: string, why: string): Error {
  return modelError(`${path} is not a VGG-16: ${why}.`);
}
