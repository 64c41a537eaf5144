/** Fills the variables of a compiled graph: weights are read, one group after the other, while the one before is assigned. */

import { modelError, RunError } from '../errors.js';
import { readBytes, readRange, readTensor } from '../formats/weights/read.js';
import type { Model } from '../network/card.js';
import type { Node } from '../network/graph/builder.js';
import type { Feed } from '../network/graph/feed.js';
import { groupFeeds } from '../network/graph/feed-groups.js';
import { elementCount } from '../shape.js';
import { mapOrdered } from '../stream.js';
import type { FeedTensor } from './addon.js';
import type { NativeGraph } from './native-graph.js';

export class WeightLoader {
  readonly #model: Model;
  readonly #mapped: readonly Feed[];
  readonly #groups: AsyncGenerator<Group>;
  #next: Promise<IteratorResult<Group>>;

  /** Begins to read at once: the first group overlaps the start of TensorFlow. */
  constructor(model: Model, feeds: readonly Feed[]) {
    this.#model = model;
    this.#mapped = feeds.filter(({ value }) => value === null);
    const fed = feeds.filter(({ value }) => value !== null);
    this.#groups = mapOrdered(groupFeeds(fed), (group) => readGroup(model, group), { concurrency: 1 });
    this.#next = this.#ahead();
  }

  /** Assigns everything. Throws a RunError on a weight that is not a number. */
  async assign(graph: NativeGraph): Promise<void> {
    if (this.#mapped.length > 0) this.#assignMapped(graph);
    for (;;) {
      const { value: group, done } = await this.#next;
      if (done) return;
      this.#next = this.#ahead();
      const tensors = group.map(([{ value }, tensor]) => [value as Node, tensor] as const);
      assign(
        graph,
        this.#model,
        group.map(([feed]) => feed),
        Object.fromEntries(tensors),
      );
    }
  }

  #assignMapped(graph: NativeGraph): void {
    try {
      assign(graph, this.#model, this.#mapped, {});
    } catch (error) {
      if (error instanceof RunError) throw error;
      const { file } = this.#model;
      throw modelError(`Expected to map ${file?.path} but failed: it changed after it was opened.`, { cause: error });
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

type Group = readonly (readonly [feed: Feed, tensor: FeedTensor])[];

async function readGroup(model: Model, feeds: readonly Feed[]): Promise<Group> {
  return await Promise.all(feeds.map(async (feed) => [feed, await readFeed(model, feed)] as const));
}

async function readFeed(model: Model, { layer, part, shape, type }: Feed): Promise<FeedTensor> {
  const source = model.weights[layer]?.[part];
  if (source === undefined) throw modelError(`Expected weights of ${layer} but ${model.card.name} has none.`);
  if (type === 'i8') {
    const kernel = model.int8?.kernels[layer];
    if (kernel === undefined) throw modelError(`Expected int8 weights of ${layer} but ${model.card.name} has none.`);
    return { shape, data: new Uint8Array(await readRange(kernel.integers)) };
  }
  const elements = elementCount(shape);
  if (type === 'f32') return { shape, data: await readTensor(source, elements) };
  const data = await readBytes(source, elements);
  return { shape: [...shape, data.length / elements], data };
}

function assign(
  graph: NativeGraph,
  { card }: Model,
  feeds: readonly Feed[],
  tensors: Readonly<Record<Node, FeedTensor>>,
): void {
  const failing = (checked: readonly Feed[], check: 'finiteSum' | 'finite') => {
    const answers = graph.run(
      tensors,
      checked.map((feed) => feed[check]),
    );
    return checked.filter((_, i) => answers[i]?.data[0] !== 1);
  };
  const doubtful = failing(feeds, 'finiteSum');
  const [bad] = doubtful.length > 0 ? failing(doubtful, 'finite') : [];
  if (bad !== undefined) {
    throw modelError(`Expected finite weights but ${bad.name} of ${card.name} holds NaN or infinity.`);
  }
}
