/** The network alone: the engine in its thread, fed as the pipeline feeds it. */

import { Engine } from '../../../engine/engine.js';
import { openModel } from '../../../models/open.js';
import { INPUT_CHANNELS } from '../../../network/architecture.js';
import type { Measured } from '../report/report.js';
import type { ModelJob } from './jobs.js';
import { Meter } from './meter.js';

/** Batches handed to the engine at a time: one runs, one waits, so that the network never does. */
const BATCHES_IN_ENGINE = 2;

/** Images of the first result, as in the pipeline. */
export const FIRST_IMAGES = 4;

/** Classes of an answer, as `classify` asks for them unless told otherwise. */
export const TOP_K = 5;

/** `sinceStart` gives the seconds since the process was started. */
export async function measureModel(job: ModelJob, onBatch: () => void, sinceStart: () => number): Promise<Measured> {
  const model = await openModel(job.model, job.open);
  const { inputSize, classifier } = model.card.architecture;
  const { precision, threads, batchSize } = job;
  const outputs = [{ kind: 'top_k', k: Math.min(TOP_K, classifier?.classes ?? TOP_K) }] as const;
  const engine = await Engine.open({ model, precision, threads, outputs });
  const modelReady = sinceStart();
  const buffers = Array.from({ length: BATCHES_IN_ENGINE }, () => noise(batchSize * inputSize ** 2 * INPUT_CHANNELS));
  const first = await engine.run(noise(FIRST_IMAGES * inputSize ** 2 * INPUT_CHANNELS), FIRST_IMAGES);
  const firstResult = sinceStart();
  if (first.outputs === null) throw new Error('Expected the outputs of a batch but it was cancelled.');

  const meter = new Meter(job, onBatch);
  const waiting = buffers.map((pixels) => engine.run(pixels, batchSize));
  while (!meter.done) {
    const { pixels } = await (waiting.shift() as (typeof waiting)[number]);
    waiting.push(engine.run(pixels, batchSize));
    meter.add(batchSize);
  }
  const measured = meter.result({ modelReady, firstResult });
  // The batches behind are not wanted; the engine answers them all the same.
  engine.cancel();
  await Promise.all(waiting);
  await engine.close();
  return measured;
}

/** Bytes of no pattern, the same each time: the top byte of i * 2654435761 mod 2^32. */
function noise(length: number): ArrayBuffer {
  return Uint8Array.from({ length }, (_, i) => Math.imul(i, 2654435761) >>> 24).buffer;
}
