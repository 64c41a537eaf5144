/** Describe a model: its structure in numbers, and what its card says. */

import { modelHash } from '../../models/catalog/model-hash.js';
import { IMAGENET_LABELS } from '../../models/imagenet/labels.js';
import { IMAGENET_SYNSETS } from '../../models/imagenet/synsets.js';
import { type OpenOptions, openModel } from '../../models/open.js';
import { type Architecture, vgg16 } from '../../network/architecture.js';
import type { ModelCard } from '../../network/card.js';
import { type Summary, summarize } from '../../network/summary.js';

export interface InspectOptions {
  /** A known name or the path of a weight file; `undefined` for the plain network of the paper. */
  readonly model: string | undefined;
  readonly open: OpenOptions;
}

export interface Inspection {
  readonly architecture: Architecture;
  readonly summary: Summary;
  /** `null` for the plain network. */
  readonly model:
    | (Omit<ModelCard, 'architecture'> & {
        /** WordNet ids of the classes in class order; `null` where they are not ImageNet's. */
        readonly synsets: readonly string[] | null;
        readonly file: InspectedFile | null;
        /** What the largest uint8 of each int8 layer is worth; `null` for a model that is not quantised. */
        readonly ranges: Readonly<Record<string, number>> | null;
      })
    | null;
}

export interface InspectedFile {
  readonly path: string;
  readonly bytes: number;
  /** In hex; of a model in several files see `modelHash`. */
  readonly sha256: string;
}

/** Reads the model's header, and all of its file for the hash. Throws as `openModel` does. */
export async function inspectModel({ model: name, open }: InspectOptions): Promise<Inspection> {
  if (name === undefined) {
    const architecture = vgg16(open.numClasses);
    return { architecture, summary: summarize(architecture), model: null };
  }
  const opened = await openModel(name, open);
  const { card, file } = opened;
  const { architecture, ...rest } = card;
  return {
    architecture,
    summary: summarize(architecture),
    model: {
      ...rest,
      synsets: synsetsOf(card),
      file: file && { ...file, sha256: (await modelHash(opened, open.cacheDir)) as string },
      ranges: opened.int8?.ranges ?? null,
    },
  };
}

function synsetsOf({ labels }: ModelCard): readonly string[] | null {
  const isImagenet =
    labels?.length === IMAGENET_LABELS.length && labels.every((label, i) => label === IMAGENET_LABELS[i]);
  return isImagenet ? IMAGENET_SYNSETS : null;
}
