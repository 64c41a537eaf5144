/** All of it: files to rows of CSV, through the stream that `classify` is made of. */

import type { ImageFile, ImageList } from '../../../images/list/find.js';
import { PassedOver } from '../../../images/list/passed-over.js';
import { classifyCsv } from '../../../output/rows/csv.js';
import type { ClassifyRow } from '../../../output/rows/records.js';
import { classify } from '../../classify.js';
import type { Measured } from '../report/report.js';
import { endless } from './decode.js';
import type { Photo, PipelineJob } from './jobs.js';
import { Meter } from './meter.js';
import { FIRST_IMAGES, TOP_K } from './model.js';

/** `sinceStart` gives the seconds since the process was started. */
export async function measurePipeline(
  job: PipelineJob,
  onBatch: () => void,
  sinceStart: () => number,
): Promise<Measured> {
  const { batchSize, workers, threads, precision, preprocessing } = job;
  const { autoOrient, decode, maxPixels } = preprocessing;
  const gate = new Gate();
  const events = classify({
    images: imageList(job.photos, gate),
    model: job.model,
    open: job.open,
    ...{ batchSize, workers, threads, precision, autoOrient, decode, maxPixels },
    stopOnError: false,
    signal: new AbortController().signal,
    topK: TOP_K,
    threshold: 0,
  });
  const encoder = classifyCsv({ topK: TOP_K, scores: 'prob' });
  let modelReady = 0;
  let firstResult = 0;
  let meter: Meter | undefined;
  for await (const event of events) {
    if (event.type === 'ready') modelReady = sinceStart();
    if (event.type !== 'rows') continue;
    encoder.encode(event.rows as readonly ClassifyRow[]);
    if (meter === undefined) {
      firstResult = sinceStart();
      meter = new Meter(job, onBatch);
      gate.open();
      continue;
    }
    const failed = event.rows.filter(({ status }) => status === 'error').length;
    meter.add(event.rows.length - failed, failed);
    if (meter.done) break;
  }
  if (meter === undefined) throw new Error('Expected rows but received none.');
  return meter.result({ modelReady, firstResult });
}

/**
 * The photos again and again. All but the first few wait until those have their rows: what is decoded while the model
 * is loading would otherwise be counted as speed.
 */
function imageList(photos: readonly Photo[], gate: Gate): ImageList {
  async function* files(): AsyncGenerator<ImageFile> {
    let index = 0;
    for (const { file, path } of endless(photos)) {
      if (index === FIRST_IMAGES) await gate.opened;
      yield { file: Buffer.from(file), path, index };
      index += 1;
    }
  }
  return { total: undefined, files: files(), digest: () => '', listDigest: () => '', passedOver: new PassedOver() };
}

class Gate {
  open: () => void = () => {};
  readonly opened = new Promise<void>((resolve) => {
    this.open = resolve;
  });
}
