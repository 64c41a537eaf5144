/** Is a model what it says it is: its hash, its numbers, and the outputs that another implementation gave for it. */

import { Engine } from '../../engine/engine.js';
import { RunError } from '../../errors.js';
import { availableThreads } from '../../machine/cpu.js';
import { recognize } from '../../models/catalog/known-models.js';
import { modelHash } from '../../models/catalog/model-hash.js';
import { type Golden, goldenOf } from '../../models/golden-outputs.js';
import { type OpenOptions, openModel } from '../../models/open.js';
import { INPUT_CHANNELS } from '../../network/architecture.js';
import type { Model, ModelCard } from '../../network/card.js';

/** One thing that was looked at; `ok` is `null` where there is nothing to compare with. */
export interface ModelCheck {
  readonly name: 'hash' | 'weights' | 'outputs';
  readonly ok: boolean | null;
  /** What was found, in a sentence. */
  readonly found: string;
}

export interface CheckedModel {
  readonly card: ModelCard;
  /** In hex; `null` for generated weights. */
  readonly sha256: string | null;
  readonly checks: readonly ModelCheck[];
}

/** Of the largest logit: float32 sums in another order differ by less. */
const TOLERANCE = 1e-5;

/** Opens the model, reads all of its weights and runs it once. Throws as `openModel` does. */
export async function checkModel(name: string, open: OpenOptions): Promise<CheckedModel> {
  const model = await openModel(name, open);
  const sha256 = await modelHash(model, open.cacheDir);
  const published = model.file === null ? undefined : await recognize(model.file.path, open.cacheDir);
  const golden = await goldenOf(sha256);
  const hash: ModelCheck =
    sha256 === null
      ? { name: 'hash', ok: null, found: 'generated weights have no file' }
      : golden === undefined && published === undefined
        ? { name: 'hash', ok: null, found: `sha256 ${sha256}; none is known to compare it with` }
        : { name: 'hash', ok: true, found: `sha256 ${sha256}, that of ${published?.what ?? model.card.name}` };
  const layer = model.card.architecture.classifier === null ? 'pool5' : 'fc8';
  let values: Float32Array;
  try {
    values = await runOnce(model, layer, golden?.pixelStep ?? PIXEL_STEP);
  } catch (error) {
    if (!(error instanceof RunError) || error.code !== 'MODEL_INVALID') throw error;
    const weights: ModelCheck = { name: 'weights', ok: false, found: error.message };
    return { card: model.card, sha256, checks: [hash, weights] };
  }
  return {
    card: model.card,
    sha256,
    checks: [
      hash,
      { name: 'weights', ok: true, found: 'all weights are finite numbers' },
      outputsCheck(values, golden),
    ],
  };
}

/** Odd, so that all bytes occur; no meaning beyond that. */
const PIXEL_STEP = 7919;

async function runOnce(model: Model, layer: string, pixelStep: number): Promise<Float32Array> {
  const outputs = [{ kind: 'layer', layer } as const];
  const engine = await Engine.open({ model, precision: 'f32', threads: availableThreads(), outputs });
  try {
    const pixels = new Uint8Array(model.card.architecture.inputSize ** 2 * INPUT_CHANNELS);
    for (let i = 0; i < pixels.length; i++) pixels[i] = (i * pixelStep) % 256;
    const result = await engine.run(pixels.buffer, 1);
    return result.outputs?.[layer]?.data as Float32Array;
  } finally {
    await engine.close();
  }
}

function outputsCheck(values: Float32Array, golden: Golden | undefined): ModelCheck {
  const name = 'outputs';
  if (!values.every(Number.isFinite))
    return { name, ok: false, found: 'the network gives numbers that are not finite' };
  if (golden === undefined) {
    return { name, ok: null, found: 'finite; none are stored to compare them with' };
  }
  const largest = Math.max(...golden.logits.map(Math.abs));
  const worst = Math.max(...golden.logits.map((value, i) => Math.abs(value - (values[i] as number))));
  const relative = worst / largest;
  const found = `logits differ from ${golden.madeBy}'s by ${relative.toExponential(1)} of the largest`;
  return { name, ok: values.length === golden.logits.length && relative <= TOLERANCE, found };
}
