/** Runs what `model export` has written beside the model that it was made from, image by image. */

import { configureTensorFlow } from '../../../engine/tensorflow.js';
import type { ImageList } from '../../../images/list/find.js';
import { type LoadOptions, loadWithDetails } from '../../../images/load.js';
import { availableThreads } from '../../../machine/cpu.js';
import { type OpenOptions, openModel } from '../../../models/open.js';
import { openExported, openSession } from '../../../models/run-export.js';
import { type Agreement, AgreementSum } from '../../../output/rows/compared.js';

import { outputDifferences } from './differences.js';

export interface VerifyExportOptions {
  /** What was written, and the layers that it gives. */
  readonly exported: { readonly format: string; readonly path: string; readonly outputs: readonly string[] };
  /** The model that was exported, as it was opened then. */
  readonly model: string;
  readonly open: OpenOptions;
  readonly images: ImageList;
  readonly maxPixels: number;
}

export interface VerifiedExport extends Agreement {
  /** What ran it. */
  readonly runtime: string;
  /** Images that could not be read. */
  readonly failed: number;
}

/** Best classes whose lists are compared. */
const TOP_K = 5;

/** Throws as `openModel` does, and where the written model cannot be run. */
export async function verifyExport(options: VerifyExportOptions): Promise<VerifiedExport> {
  configureTensorFlow({ threads: availableThreads() });
  const model = await openModel(options.model, options.open);
  const { card } = model;
  const { format, path, outputs } = options.exported;
  const first = await openSession(model, outputs);
  const second = await openExported(format, path, card, outputs, options.open);
  const { resize, crop } = card.preset;
  const load: LoadOptions = { resize, crop, autoOrient: true, decode: 'exact', maxPixels: options.maxPixels };
  const sum = new AgreementSum();
  let failed = 0;
  try {
    for await (const file of options.images.files) {
      const loaded = await loadWithDetails(file, load);
      if (!('image' in loaded) || loaded.image === undefined) {
        failed += 1;
        continue;
      }
      const { pixels } = loaded.image;
      const [a, b] = [await first.run(pixels, 1), await second.run(pixels, 1)];
      for (const [i, layer] of outputs.entries()) {
        const base = { path: file.path, index: file.index, identity: '', status: 'ok' as const };
        const values = [a[i], b[i]] as [Float32Array, Float32Array];
        sum.add({ ...base, ...outputDifferences(...values, layer === 'fc8', TOP_K) });
      }
    }
  } finally {
    await first.close();
    await second.close();
  }
  return { ...sum.result(), runtime: second.runtime, failed };
}
