/** Files to pixels, without the network: as many at a time as in the pipeline. */

import { readFile } from 'node:fs/promises';
import { type ImageSource, loadWithDetails } from '../../../images/load.js';
import { withoutCompression } from '../../../images/pixels/sample-photo.js';

import { mapOrdered } from '../../../stream.js';
import type { Measured } from '../report/report.js';
import type { DecodeJob, Photo } from './jobs.js';
import { Meter } from './meter.js';

/** Uncompressed images that are kept in memory, in bytes: hundreds of photographs, or some large ones. */
const MAX_PIXEL_BYTES = 256e6;

export async function measureDecode(job: DecodeJob, onBatch: () => void): Promise<Measured> {
  const sources = job.kind === 'decode' ? job.photos.map(({ file }) => sourceOf(file)) : await uncompressed(job.photos);
  const meter = new Meter(job, onBatch);
  const load = (source: ImageSource) => loadWithDetails(source, job.preprocessing);
  for await (const { error } of mapOrdered(endless(sources), load, { concurrency: job.workers })) {
    meter.add(error === undefined ? 1 : 0, error === undefined ? 0 : 1);
    if (meter.done) break;
  }
  return meter.result(null);
}

function sourceOf(file: Uint8Array): ImageSource {
  return { file: Buffer.from(file) };
}

/** The photos that can be read, without their compression, as the first bytes of an archive's file would be. */
async function uncompressed(photos: readonly Photo[]): Promise<ImageSource[]> {
  const sources: ImageSource[] = [];
  let bytes = 0;
  for (const { file } of photos) {
    if (bytes >= MAX_PIXEL_BYTES) break;
    const content = await readFile(Buffer.from(file)).then(withoutCompression, () => undefined);
    if (content === undefined) continue;
    bytes += content.length;
    sources.push({ file: Buffer.from(file), member: { content, size: content.length, archiveMtimeNs: 0n } });
  }
  return sources;
}

/** Again and again; nothing of nothing. */
export function* endless<T>(items: readonly T[]): Generator<T> {
  while (items.length > 0) yield* items;
}
