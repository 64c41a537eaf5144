/** Hard links in a tar archive: a name that stands for the contents of a member before it. */

import { createHash } from 'node:crypto';

/** Slots of a new table; a power of two, as always. */
const FIRST_SLOTS = 1024;

/** Where the last member of each name begins, in some 30 bytes a name: an archive may have millions. */
export class NameTable {
  #keys = new BigUint64Array(FIRST_SLOTS);
  /** Plus one, so that 0 is a free slot. */
  #starts = new Float64Array(FIRST_SLOTS);
  #used = 0;

  set(name: string, start: number): void {
    if (this.#used * 2 > this.#keys.length) this.#grow();
    this.#put(keyOf(name), start + 1);
  }

  get(name: string): number | undefined {
    const start = this.#starts[this.#slotOf(keyOf(name))] ?? 0;
    return start === 0 ? undefined : start - 1;
  }

  #put(key: bigint, start: number): void {
    const slot = this.#slotOf(key);
    if (this.#starts[slot] === 0) this.#used += 1;
    this.#keys[slot] = key;
    this.#starts[slot] = start;
  }

  /** The slot of `key`, or the free one where it belongs. */
  #slotOf(key: bigint): number {
    const mask = this.#keys.length - 1;
    let slot = Number(key & BigInt(mask));
    while (this.#starts[slot] !== 0 && this.#keys[slot] !== key) slot = (slot + 1) & mask;
    return slot;
  }

  #grow(): void {
    const [keys, starts] = [this.#keys, this.#starts];
    this.#keys = new BigUint64Array(keys.length * 2);
    this.#starts = new Float64Array(keys.length * 2);
    this.#used = 0;
    for (const [slot, start] of starts.entries()) if (start !== 0) this.#put(keys[slot] as bigint, start);
  }
}

/** 64 bits of a sha256: that two of a million names share them is less likely than a fault of the memory. */
function keyOf(name: string): bigint {
  return createHash('sha256').update(name, 'latin1').digest().readBigUInt64LE();
}
