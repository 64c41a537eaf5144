/**
 * The layers of a Keras configuration in the order in which data passes them: of a `Sequential`, or of a functional model
 * that is one line; models inside a model give their layers in their place. Keras 2, Keras 3 and TensorFlow.js write the
 * same configuration with different connections: keras/src/models/functional.py, `deserialize_node`.
 */

import { modelError } from '../../errors.js';
import { shown } from '../shared/shown.js';

export type Fields = Readonly<Record<string, unknown>>;

export interface KerasLayer {
  /** As in keras.layers: Conv2D, Dense … */
  readonly className: string;
  readonly name: string;
  readonly config: Fields;
  /** The names of the models that it lies in, from the outside in, and its own. */
  readonly path: readonly string[];
  /** Where Keras 3 keeps its variables, in groups from the root: `layers/functional/layers/conv2d_3`. */
  readonly checkpoint: string;
}

/** Layers of all models together, at most: VGG-16 has 23. */
const MAX_LAYERS = 1000;

/** Models inside models, at most: a base inside a network inside a wrapper is three. */
const MAX_DEPTH = 8;

/** Nested lists and objects in the arguments of a call, at most. */
const MAX_ARGUMENT_DEPTH = 6;

/** `model`: `{ class_name, config }`. Throws MODEL_INVALID where it is no model, or not one line from input to output. */
export function layersInOrder(model: unknown, file: string): readonly KerasLayer[] {
  const walk = new Walk(file);
  return walk.model(walk.entry(model, 'the model'), [], '');
}

interface Entry {
  readonly className: string;
  readonly name: string;
  readonly config: unknown;
  readonly inbound: unknown;
}

class Walk {
  #layers = 0;

  constructor(readonly file: string) {}

  /** The layers of one model. `path` and `checkpoint` are the model's own. */
  model({ className, name, config }: Entry, path: readonly string[], checkpoint: string): readonly KerasLayer[] {
    if (path.length > MAX_DEPTH) throw this.#refuse(`its models lie in each other more than ${MAX_DEPTH} deep`);
    const layers = Array.isArray(config) ? config : isObject(config) ? config.layers : undefined;
    if (!Array.isArray(layers))
      throw this.#refuse(`expected the layers of ${shown(name)} but they are ${shown(layers)}`);
    this.#layers += layers.length;
    if (this.#layers > MAX_LAYERS) throw this.#refuse(`it has more than ${MAX_LAYERS} layers`);
    const entries = layers.map((layer) => this.entry(layer, `a layer of ${shown(name)}`));
    const places = checkpoints(entries, checkpoint);
    const line = className === 'Sequential' ? entries : this.#functional(entries, config as Fields, name);
    return line.flatMap((entry) => {
      const own = { path: [...path, entry.name], checkpoint: places.get(entry) as string };
      if (isModel(entry)) return this.model(entry, own.path, own.checkpoint);
      const fields = isObject(entry.config) ? entry.config : {};
      return { className: entry.className, name: entry.name, config: fields, ...own };
    });
  }

  entry(value: unknown, what: string): Entry {
    if (!isObject(value)) throw this.#refuse(`expected ${what} as { class_name, config } but it is ${shown(value)}`);
    const { class_name: className, config, inbound_nodes: inbound } = value;
    if (typeof className !== 'string') {
      throw this.#refuse(`expected a class_name for ${what} but it is ${shown(className)}`);
    }
    // A Sequential of Keras 2.2 and before is a list without a name.
    const named = [isObject(config) ? config.name : undefined, value.name, className];
    const name = named.find((each): each is string => typeof each === 'string') as string;
    return { className, name, config, inbound };
  }

  /** From the output back to the input, one layer before each. */
  #functional(entries: readonly Entry[], config: Fields, name: string): readonly Entry[] {
    const byName = new Map(entries.map((entry) => [entry.name, entry]));
    if (byName.size !== entries.length) throw this.#refuse(`two layers of ${shown(name)} have the same name`);
    const [input, ...moreInputs] = this.#ends(config.input_layers, name);
    if (input === undefined || moreInputs.length > 0) throw this.#refuse(`expected one input for ${shown(name)}`);
    const outputs = this.#ends(config.output_layers, name);
    const lines = outputs.map((output) => this.#lineTo(output, input, byName));
    const longest = lines.reduce((a, b) => (b.length > a.length ? b : a), []);
    const aside = outputs.find((output) => !longest.some((entry) => entry.name === output));
    if (longest.length === 0) throw this.#refuse(`expected an output for ${shown(name)}`);
    if (aside !== undefined) throw this.#refuse(`it branches before its output ${shown(aside)}`);
    return longest;
  }

  #lineTo(output: string, input: string, byName: ReadonlyMap<string, Entry>): readonly Entry[] {
    const line: Entry[] = [];
    for (let next = output; ; ) {
      const entry = byName.get(next);
      if (entry === undefined) throw this.#refuse(`its layer ${shown(next)} is missing`);
      line.unshift(entry);
      if (line.length > byName.size) throw this.#refuse(`${shown(next)} reads its own output`);
      if (next === input) return line;
      next = this.#before(entry);
    }
  }

  /** The layer whose output this one reads. */
  #before({ name, inbound }: Entry): string {
    if (!Array.isArray(inbound) || inbound.length !== 1) {
      const calls = Array.isArray(inbound) ? inbound.length : 0;
      throw this.#refuse(`expected ${shown(name)} to be used once but it is used ${calls} times`);
    }
    const read = isObject(inbound[0]) ? tensorsIn(inbound[0]) : legacyTensors(inbound);
    const [first] = read;
    if (read.length !== 1 || first === undefined) {
      throw this.#refuse(`expected ${shown(name)} to read one layer but it reads ${read.length}`);
    }
    if (first.tensor !== 0) throw this.#refuse(`${shown(name)} reads the second output of a model`);
    return first.layer;
  }

  /** Names in `input_layers` or `output_layers`: [name, node, tensor], or a list of such. */
  #ends(value: unknown, name: string): readonly string[] {
    if (!Array.isArray(value)) throw this.#refuse(`expected the inputs and outputs of ${shown(name)} as a list`);
    const ends = typeof value[0] === 'string' && typeof value[1] === 'number' ? [value] : value;
    return ends.slice(0, MAX_LAYERS).map((end) => {
      const layer: unknown = Array.isArray(end) ? end[0] : end;
      if (typeof layer !== 'string') throw this.#refuse(`expected a layer as an end of ${shown(name)}`);
      return layer;
    });
  }

  #refuse(why: string): Error {
    return modelError(`${this.file} is not a VGG-16: ${why}.`);
  }
}

interface KerasTensor {
  readonly layer: string;
  /** Of the outputs of the layer, from 0. */
  readonly tensor: unknown;
}

/** Keras 2 and TensorFlow.js: a list of [layer, node, tensor, arguments] for the one call, or that call by itself. */
function legacyTensors([call]: readonly unknown[]): readonly KerasTensor[] {
  if (!Array.isArray(call)) return [];
  const calls = typeof call[0] === 'string' ? [call] : call;
  return calls.flatMap((read) =>
    Array.isArray(read) && typeof read[0] === 'string' ? [{ layer: read[0], tensor: read[2] }] : [],
  );
}

/** Keras 3: every `__keras_tensor__` in the arguments, `keras_history` being [layer, node, tensor]. */
function tensorsIn(value: unknown, depth = 0): readonly KerasTensor[] {
  if (depth > MAX_ARGUMENT_DEPTH) return [];
  if (Array.isArray(value)) return value.slice(0, MAX_LAYERS).flatMap((item) => tensorsIn(item, depth + 1));
  if (!isObject(value)) return [];
  if (value.class_name !== '__keras_tensor__') {
    return Object.values(value).flatMap((item) => tensorsIn(item, depth + 1));
  }
  const history = isObject(value.config) ? value.config.keras_history : undefined;
  if (!Array.isArray(history) || typeof history[0] !== 'string') return [];
  return [{ layer: history[0], tensor: history[2] }];
}

function isModel({ className, config }: Entry): boolean {
  return (
    ['Sequential', 'Functional', 'Model'].includes(className) || (isObject(config) && Array.isArray(config.layers))
  );
}

/** Keras 3 names a layer's group after its class, with a number from the second one on: saving_lib.py. */
function checkpoints(entries: readonly Entry[], parent: string): ReadonlyMap<Entry, string> {
  const used = new Map<string, number>();
  const places = new Map<Entry, string>();
  for (const entry of entries) {
    const name = snakeCase(entry.className);
    const number = used.get(name) ?? 0;
    used.set(name, number + 1);
    places.set(entry, `${parent === '' ? '' : `${parent}/`}layers/${name}${number === 0 ? '' : `_${number}`}`);
  }
  return places;
}

/** keras/src/utils/naming.py, `to_snake_case`. */
function snakeCase(name: string): string {
  return name
    .replace(/\W+/g, '')
    .replace(/(.)([A-Z][a-z]+)/g, '$1_$2')
    .replace(/([a-z])([A-Z])/g, '$1_$2')
    .toLowerCase();
}

export function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
