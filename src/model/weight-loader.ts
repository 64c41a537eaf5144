/** Fills the variables of a compiled graph: weights are read, one group after the other, while the one before is assigned. */

import type { NamedTensorMap } from '@tensorflow/tfjs-node';
import { modelError } from '../errors.js';
import { mapOrdered } from '../stream.js';
import type { Model } from './card.js';
import type { Load } from './graph/loads.js';
import type { Feed } from './graph/variables.js';
import type { TensorFlow } from './tensorflow.js';
import { readTensor } from './weights/read.js';

type SavedModel = Awaited<ReturnType<TensorFlow['node']['loadSavedModel']>>;

export class WeightLoader {
  readonly #model: Model;
  readonly #groups: AsyncGenerator<Group>;
  #next: Promise<IteratorResult<Group>>;

  /** Begins to read at once: the first group overlaps the start of TensorFlow. */
  constructor(model: Model, loads: readonly Load[]) {
    this.#model = model;
    this.#groups = mapOrdered(loads, (load) => readGroup(model, load), { concurrency: 1 });
    this.#next = this.#ahead();
  }

  /**
   * Assigns everything in the graph of `folder`, of which a signature is open: all signatures of one path share one
   * TensorFlow session, so the variables that one assigns another reads. Throws a RunError on a weight that is not a number.
   */
  async assign(tf: TensorFlow, folder: string): Promise<void> {
    for (;;) {
      const { value: group, done } = await this.#next;
      if (done) return;
      this.#next = this.#ahead();
      assignGroup(tf, this.#model, await tf.node.loadSavedModel(folder, ['serve'], group.signature), group.values);
    }
  }

  async close(): Promise<void> {
    await this.#groups.return(undefined);
  }

  #ahead(): Promise<IteratorResult<Group>> {
    const next = this.#groups.next();
    next.catch(() => {});
    return next;
  }
}

interface Group {
  readonly signature: string;
  readonly values: Values;
}

/** Weights as they are fed, by the feeds' names. */
type Values = readonly (Feed & { readonly data: Float32Array })[];

async function readGroup(model: Model, { signature, feeds }: Load): Promise<Group> {
  const values = feeds.map(async (feed) => {
    const source = model.weights[feed.layer]?.[feed.part];
    if (source === undefined) throw modelError(`Expected weights of ${feed.layer} but ${model.card.name} has none.`);
    const elements = feed.shape.reduce((product, size) => product * size, 1);
    return { ...feed, data: await readTensor(source, elements) };
  });
  return { signature, values: await Promise.all(values) };
}

/** Fills the variables of one group and closes its signature. */
function assignGroup(tf: TensorFlow, model: Model, load: SavedModel, values: Values): void {
  const feeds = Object.fromEntries(
    values.map(({ name, data, shape }) => [name, tf.tensor(data, [...shape], 'float32')]),
  );
  const answers = load.predict(feeds) as NamedTensorMap;
  const bad = values.find(({ name }) => answers[name]?.dataSync()[0] !== 1);
  tf.dispose([...Object.values(feeds), ...Object.values(answers)]);
  load.dispose();
  if (bad !== undefined) {
    throw modelError(`Expected finite weights but ${bad.name} of ${model.card.name} holds NaN or infinity.`);
  }
}
