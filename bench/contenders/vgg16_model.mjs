/**
 * This tool's model alone: the engine in its thread, as `classify` uses it, fed with bytes, answering with the top 5.
 *
 *     node bench/contenders/vgg16_model.mjs --model FILE --batch 32 --seconds 10 --threads 2 --precision f32
 */

import { parseArgs } from 'node:util';
import { Engine } from '../../dist/engine/engine.js';
import { openModel } from '../../dist/models/open.js';
import { BYTES_PER_IMAGE, fillPixels, steadyRate } from '../lib/workload.mjs';

const { values } = parseArgs({
  options: {
    model: { type: 'string' },
    batch: { type: 'string' },
    seconds: { type: 'string' },
    threads: { type: 'string' },
    precision: { type: 'string' },
  },
});
const batch = Number(values.batch);

const engine = await Engine.open({
  model: await openModel(values.model, { seed: 0, cacheDir: '' }), // a file: neither a seed nor a cache is asked for
  precision: values.precision,
  outputs: [{ kind: 'top_k', k: 5 }],
  threads: Number(values.threads),
});
const first = fillPixels(new ArrayBuffer(batch * BYTES_PER_IMAGE));
// Two batches under way, as in the tool: the engine's thread never waits for this one.
let waiting = engine.run(first.slice(0), batch);
let next = first;
let answer;
const measured = await steadyRate({
  batch,
  seconds: Number(values.seconds),
  async runBatch() {
    const queued = engine.run(next, batch);
    const done = await waiting;
    waiting = queued;
    next = done.pixels;
    answer ??= {
      class: done.outputs['top_k/classes'].data[0],
      logit: done.outputs['top_k/logits'].data[0],
    };
  },
});
await waiting;
await engine.close();
console.log(JSON.stringify({ ...measured, answer }));
