/**
 * A long list of byte strings in little memory: their bytes one after the other. As strings a path takes some 300 bytes
 * (it is put together of pieces), and a million images would take a third of a gigabyte all through the run.
 */
export class PathTable implements Iterable<string> {
  readonly #bytes: Buffer;
  /** Where each path ends. */
  readonly #ends: Float64Array;

  constructor(paths: readonly string[]) {
    this.#ends = new Float64Array(paths.length);
    let end = 0;
    for (const [i, path] of paths.entries()) {
      end += path.length;
      this.#ends[i] = end;
    }
    this.#bytes = Buffer.allocUnsafeSlow(end);
    for (const [i, path] of paths.entries()) this.#bytes.write(path, this.#ends[i - 1] ?? 0, 'latin1');
  }

  get length(): number {
    return this.#ends.length;
  }

  *[Symbol.iterator](): Generator<string> {
    let start = 0;
    for (const end of this.#ends) {
      yield this.#bytes.toString('latin1', start, end);
      start = end;
    }
  }
}
