/**
 * Memory for the largest batch, asked for before TensorFlow needs it. An operation of oneDNN that gets none does not say so:
 * it ends the process with SIGSEGV (TensorFlow 2.21, AllocTmpBuffer in mkl_util.h returns nothing and its caller goes on).
 * An `Empty` tensor of the same size fails with RESOURCE_EXHAUSTED instead. What it had stays in TensorFlow's pool
 * (its allocator for oneDNN never gives back), and the batch is computed in it. Memory that nobody has written to is only
 * reserved: it costs nothing but 3 % for the pool's own tables.
 */

import type { Addon } from './addon.js';
import { addressSpaceLeft, MIB } from './memory.js';
import { MIN_IMAGES } from './session.js';

/** The part of tfjs-node's addon that runs a single operation: dist/tfjs_binding.d.ts of the package. */
export interface OperationAddon extends Addon {
  readonly TF_ATTR_TYPE: number;
  readonly TF_ATTR_BOOL: number;
  executeOp(
    name: string,
    attributes: readonly { readonly name: string; readonly type: number; readonly value: number | boolean }[],
    inputIds: readonly number[],
    outputs: number,
  ): readonly { readonly id: number }[];
}

/** Numbers of a row of the tensor: a shape of two axes reaches past 2^31 elements. */
const ROW = 1024;

/** Bytes of a float32. */
const NUMBER_BYTES = 4;

/** Reserved for each byte of activations: small tensors in between leave gaps, in which no large one fits. */
const SLACK = 1.25;

/**
 * Address space that is left to everything else (decoders, Node, small allocations of TensorFlow), in bytes: with none of it
 * the next `new` ends the process.
 */
const HEADROOM_BYTES = 512 * MIB;

/** Bytes that the network takes: `activationBytes`, and the variables of `networkMemory`. */
export interface PoolNeed {
  readonly perImage: number;
  readonly weights: number;
}

export class MemoryPool {
  readonly #addon: OperationAddon;
  readonly #need: PoolNeed;
  readonly #left: () => number | undefined;
  #images = 0;

  /** `left`: bytes of address space; undefined without a limit. */
  constructor(addon: OperationAddon, need: PoolNeed, left: () => number | undefined = () => addressSpaceLeft()) {
    this.#addon = addon;
    this.#need = need;
    this.#left = left;
  }

  /** Makes sure of the memory for batches of up to `images`. Throws where there is not enough, as TensorFlow does. */
  reserve(images: number): void {
    if (images <= this.#images) return;
    const bytes = SLACK * Math.max(images, MIN_IMAGES) * this.#need.perImage;
    if (images > 1) this.#checkAddressSpace(bytes);
    this.#makeEmpty(bytes);
    this.#images = images;
  }

  /**
   * The pool grows by powers of two, and by no less than before, which was for the weights. Where the limit (`ulimit -v`)
   * does not allow that it takes nearly all that is left, and what comes next gets nothing.
   */
  #checkAddressSpace(bytes: number): void {
    const left = this.#left();
    const growth = 2 ** Math.ceil(Math.log2(Math.max(bytes, this.#need.weights)));
    if (left !== undefined && growth + HEADROOM_BYTES > left) {
      throw new Error(`OOM when allocating ${growth} bytes: ${left} of the address space are left`);
    }
  }

  #makeEmpty(bytes: number): void {
    const addon = this.#addon;
    const rows = Math.ceil(bytes / (ROW * NUMBER_BYTES));
    const shape = addon.createTensor([2], addon.TF_INT32, Int32Array.of(rows, ROW));
    try {
      const attributes = [
        { name: 'dtype', type: addon.TF_ATTR_TYPE, value: addon.TF_FLOAT },
        { name: 'init', type: addon.TF_ATTR_BOOL, value: false },
      ];
      for (const { id } of addon.executeOp('Empty', attributes, [shape], 1)) addon.deleteTensor(id);
    } finally {
      addon.deleteTensor(shape);
    }
  }
}
