/** How TensorFlow writes variables to a checkpoint, and fills them from it: tensorflow/python/training/saver.py. */

import { type DType, type GraphBuilder, type Node, type Saver, DType as Type } from './builder.js';

export interface SavedVariable {
  /** In the checkpoint. */
  readonly name: string;
  /** Reads it. */
  readonly read: Node;
  readonly dtype: DType;
}

/** A variable of the graph. */
export interface Variable extends SavedVariable {
  readonly handle: Node;
}

/** A handle and the node that reads it. */
export function variableNodes(
  g: GraphBuilder,
  name: string,
  dtype: DType,
  shape: readonly number[],
): { readonly handle: Node; readonly read: Node } {
  const type = { dtype: { type: dtype } };
  const handle = g.node('VarHandleOp', name, [], {
    ...type,
    shape: { shape },
    shared_name: { text: name },
    container: { text: '' },
  });
  return { handle, read: g.node('ReadVariableOp', `${name}/read`, [handle], type) };
}

/** Adds the nodes that save all variables at the path that `path` gives; they are saved once the result has run. */
export function save(g: GraphBuilder, path: Node, variables: readonly SavedVariable[]): Node {
  const op = g.node(
    'SaveV2',
    'save/SaveV2',
    [path, ...listed(g, 'save/SaveV2', variables), ...variables.map(({ read }) => read)],
    { dtypes: { types: variables.map(({ dtype }) => dtype) } },
  );
  return g.node('Identity', 'save/control_dependency', [path, `^${op}`], { T: { type: Type.string } });
}

/** Adds what a SavedModel needs to be loaded. */
export function saver(g: GraphBuilder, variables: readonly Variable[]): Saver {
  const name = g.text('save/Const/default', 'model');
  const path = g.node('PlaceholderWithDefault', 'save/Const', [name], {
    dtype: { type: Type.string },
    shape: { shape: [] },
  });
  const saved = save(g, path, variables);
  const restored = g.node('RestoreV2', 'save/RestoreV2', [path, ...listed(g, 'save/RestoreV2', variables)], {
    dtypes: { types: variables.map(({ dtype }) => dtype) },
  });
  const assigned = variables.map(({ handle, dtype }, i) => {
    const value = g.node('Identity', `save/Identity_${i}`, [`${restored}:${i}`], { T: { type: dtype } });
    return g.node('AssignVariableOp', `${handle}/assign`, [handle, value], { dtype: { type: dtype } });
  });
  const restore = g.node(
    'NoOp',
    'save/restore_all',
    assigned.map((each) => `^${each}`),
  );
  return { path, save: saved, restore };
}

/** Names, and that each is wanted whole. */
function listed(g: GraphBuilder, name: string, variables: readonly SavedVariable[]): readonly Node[] {
  const names = g.texts(
    `${name}/tensor_names`,
    variables.map((variable) => variable.name),
  );
  const slices = g.texts(
    `${name}/shape_and_slices`,
    variables.map(() => ''),
  );
  return [names, slices];
}
