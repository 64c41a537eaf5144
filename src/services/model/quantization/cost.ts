/** What int8 costs: how far features and logits are from float32's, over some images. */

/** What the network gives for one image. */
export interface Features {
  /** fc7, or pool5 of a base without classifier. */
  readonly features: Float32Array;
  /** `null` without classifier. */
  readonly logits: Float32Array | null;
}

export interface Cost {
  readonly images: number;
  /** Between the features in float32 and in int8. */
  readonly cosine: { readonly mean: number; readonly worst: number };
  /** Percent of the images whose best class is the same; `null` without classifier. */
  readonly top1: number | null;
  /** |Δ| of the logits, and the largest logit in float32; `null` without classifier. */
  readonly logits: { readonly maxDiff: number; readonly meanDiff: number; readonly largest: number } | null;
}

export class CostSum {
  #images = 0;
  #cosines = 0;
  #squares = 0;
  #worst = 1;
  #same = 0;
  #numbers = 0;
  #diffs = 0;
  #maxDiff = 0;
  #largest = 0;

  add(wanted: Features, found: Features): void {
    this.#images += 1;
    const cosine = cosineOf(wanted.features, found.features);
    this.#cosines += cosine;
    this.#squares += (1 - cosine) ** 2;
    this.#worst = Math.min(this.#worst, cosine);
    if (wanted.logits === null || found.logits === null) return;
    if (best(wanted.logits) === best(found.logits)) this.#same += 1;
    this.#numbers += wanted.logits.length;
    for (const [i, logit] of wanted.logits.entries()) {
      const diff = Math.abs(logit - (found.logits[i] as number));
      this.#diffs += diff;
      this.#maxDiff = Math.max(this.#maxDiff, diff);
      this.#largest = Math.max(this.#largest, Math.abs(logit));
    }
  }

  /** Root mean square of 1 - cosine: of two ways with the same mean, the one with the better worst image has less. */
  error(): number {
    return Math.sqrt(this.#squares / this.#images);
  }

  result(): Cost {
    const images = this.#images;
    const hasLogits = this.#numbers > 0;
    return {
      images,
      cosine: { mean: this.#cosines / images, worst: this.#worst },
      top1: hasLogits ? (100 * this.#same) / images : null,
      logits: hasLogits
        ? { maxDiff: this.#maxDiff, meanDiff: this.#diffs / this.#numbers, largest: this.#largest }
        : null,
    };
  }
}

/** 1 where both are zeros; 0 where one is. */
function cosineOf(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length) throw new Error(`Expected ${a.length} values but received ${b.length}.`);
  let [dot, left, right] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [a[i] as number, b[i] as number];
    dot += x * y;
    left += x * x;
    right += y * y;
  }
  if (left === 0 && right === 0) return 1;
  return left === 0 || right === 0 ? 0 : dot / Math.sqrt(left * right);
}

/** Of equal ones the first, as TensorFlow's TopKV2. */
function best(values: Float32Array): number {
  let at = 0;
  for (let i = 1; i < values.length; i++) if ((values[i] as number) > (values[at] as number)) at = i;
  return at;
}
