/**
 * Reads TensorFlow SavedModels: a folder with `saved_model.pb`, and the variables in `variables/`. The order of the layers
 * is that of the graph of the serving signature; which variable is which tensor of the checkpoint, the graph's own
 * restoring says. https://www.tensorflow.org/guide/saved_model
 */

import { join } from 'node:path';
import { modelError } from '../../errors.js';
import { exists } from '../../exists.js';
import { CARD_RECORD } from '../card/metadata.js';
import { hasCard, MAX_CARD_BYTES, parseCardRecord } from '../card/parse.js';
import type { NetworkStep } from '../shared/network-steps.js';
import { ProtobufFile } from '../shared/protobuf.js';
import { withFile } from '../shared/random-access-file.js';
import { shown } from '../shared/shown.js';
import { SAVED_MODEL_FILE } from '../shared/signatures.js';
import type { StoredTensor } from '../shared/stored-tensor.js';
import type { WeightFile } from '../shared/weight-file.js';
import { tfNetwork } from './network.js';
import { readSavedGraph, type SavedGraph } from './read-graph.js';
import { readTensorBundle, type TensorBundle } from './tensor-bundle.js';
import { type Reference, type TfNode, TfResolver } from './tensorflow-graph.js';

/** Where this tool's own SavedModels have their card: TensorFlow leaves that folder to others. */
export const EXTRA_ASSETS = 'assets.extra';

/** The signature that TensorFlow Serving takes where none is named. */
const SERVING = 'serving_default';

/** Runs when a SavedModel is loaded; it is no network. */
const INIT = '__saved_model_init_op';

/** Names, shapes, places, and the network. `path`: of the folder. Throws MODEL_INVALID where it breaks the format. */
export async function readSavedModel(path: string): Promise<WeightFile> {
  return await withFile(join(path, SAVED_MODEL_FILE), async (file) => {
    const graph = await readSavedGraph(new ProtobufFile(file));
    const bundle = await readVariables(path);
    const metadata = await readCard(path);
    const resolver = new TfResolver(graph, path);
    const variables = restoredVariables(resolver, bundle);
    const own = hasCard({ path, bytes: 0, format: 'savedmodel', tensors: [], metadata });
    const network = await tfNetwork(resolver, outputsOf(graph, path), { variables, ignorePreprocessing: own });
    const tensors = usedBy(network.steps, [...variables.values(), ...graph.constants.values()]);
    return { path, bytes: file.bytes + bundle.bytes, format: 'savedmodel', tensors, metadata, ...network };
  });
}

/** Those that the network uses: training, and copies that are only restored, have others. */
function usedBy(steps: readonly NetworkStep[], tensors: readonly StoredTensor[]): readonly StoredTensor[] {
  const used = new Set(steps.flatMap((step): unknown[] => Object.values(step)));
  return tensors.filter((tensor) => used.has(tensor));
}

/** A frozen SavedModel has none. */
async function readVariables(path: string): Promise<TensorBundle> {
  const prefix = join(path, 'variables', 'variables');
  return (await exists(`${prefix}.index`))
    ? await readTensorBundle(prefix)
    : { tensors: new Map(), programNames: new Map(), bytes: 0 };
}

async function readCard(path: string): Promise<Readonly<Record<string, string>>> {
  const card = join(path, EXTRA_ASSETS, CARD_RECORD);
  if (!(await exists(card))) return {};
  return await withFile(card, async (file) => {
    if (file.bytes > MAX_CARD_BYTES)
      throw modelError(`Expected a card of at most ${MAX_CARD_BYTES} bytes but ${card} has ${file.bytes}.`);
    return parseCardRecord((await file.read(0, file.bytes)).toString('utf8'), card);
  });
}

/** Of the serving signature, or of the only one. */
function outputsOf({ signatures }: SavedGraph, path: string): readonly string[] {
  const names = [...signatures.keys()].filter((name) => name !== INIT);
  const name = names.includes(SERVING) || names.length !== 1 ? SERVING : (names[0] as string);
  const outputs = signatures.get(name);
  if (outputs !== undefined) return outputs;
  const found = names.length === 0 ? 'it has no signature' : `its signatures are ${shown(names)}`;
  throw modelError(`Expected the signature ${SERVING} in ${path} but ${found}.`);
}

/**
 * Handles of variables with their tensors: the graph assigns to each an output of RestoreV2, which has a list of names.
 * `tf.saved_model.save` of a Keras 3 model restores copies; those that are served have the names that the program gave.
 */
function restoredVariables(
  resolver: TfResolver,
  { tensors, programNames }: TensorBundle,
): ReadonlyMap<TfNode, StoredTensor> {
  const variables = new Map<TfNode, StoredTensor>();
  const { root, graph } = resolver;
  const scopes = [root];
  for (const node of graph.nodes.values()) {
    const called = graph.functions.get(String(node.attributes.get('f')));
    const restores = called !== undefined && [...called.nodes.values()].some(({ op }) => op === 'RestoreV2');
    if (restores) scopes.push(resolver.enter(root, node));
  }
  for (const scope of scopes) {
    for (const node of scope.nodes.values()) {
      if (node.op !== 'AssignVariableOp') continue;
      const assign = { scope, node, index: 0 };
      const key = restoredKey(resolver, resolver.input(assign, 1));
      const tensor = key === undefined ? undefined : tensors.get(key);
      if (tensor === undefined) continue;
      const handle = resolver.find(resolver.input(assign, 0)).node;
      variables.set(handle, { ...tensor, name: layerWeight(variableName(handle)) });
    }
  }
  const served = [...graph.nodes.values()].filter((node) => node.op === 'VarHandleOp' && !variables.has(node));
  for (const handle of served) {
    const name = variableName(handle);
    const tensor = tensors.get(programNames.get(name) ?? '');
    if (tensor !== undefined) variables.set(handle, { ...tensor, name: layerWeight(name) });
  }
  return variables;
}

/** The checkpoint's name of the value, where it comes from there. */
function restoredKey(resolver: TfResolver, value: Reference): string | undefined {
  const restore = resolver.find(value);
  if (restore.node.op !== 'RestoreV2') return undefined;
  const names = resolver.find(resolver.input(restore, 1)).node.attributes.get('value');
  return Array.isArray(names) ? String(names[restore.index]) : undefined;
}

/** What the program called it: `block1_conv1/kernel`. */
function variableName({ name, attributes }: TfNode): string {
  const shared = attributes.get('shared_name');
  return typeof shared === 'string' && shared !== '' ? shared : name;
}

/** Without the number that a second variable of the same name gets: `block1_conv1/kernel_1`. */
function layerWeight(name: string): string {
  return name.replace(/\/(kernel|bias|gamma|beta|moving_mean|moving_variance)_\d+$/, '/$1');
}
