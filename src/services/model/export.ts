/** Write a model in the format of another framework. */

import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { usageError } from '../../errors.js';
import type { ExportDType } from '../../formats/export/options.js';
import { strangerIn } from '../../formats/exported-folders.js';

import { type ExportFormat, exporterOf } from '../../models/export-formats.js';
import { type OpenOptions, openModel } from '../../models/open.js';
import { type Architecture, layersOf } from '../../network/architecture.js';
import type { ModelCard } from '../../network/card.js';
import { findLayer, LAYER_CHOICES, parseLayer } from '../../network/layer-names.js';
import { writeWhole } from '../../output/files/draft.js';
import { reasonOf } from '../../output/sink.js';

export interface ExportModelOptions {
  /** A known name or a weight file of any format. */
  readonly model: string;
  readonly open: OpenOptions;
  readonly format: ExportFormat;
  /** A file, or a folder for savedmodel and tfjs. */
  readonly output: string;
  /** Layers in any spelling; none for the last one. */
  readonly outputs: readonly string[];
  readonly dtype: ExportDType;
  /** Replace what is at `output`. */
  readonly force: boolean;
  readonly signal?: AbortSignal | undefined;
}

export interface ExportedModel {
  readonly card: ModelCard;
  readonly path: string;
  readonly format: ExportFormat;
  /** The layers that it gives, in the order of the network. */
  readonly outputs: readonly string[];
  /** Of the file, or of all files of the folder. */
  readonly bytes: number;
}

/** Throws as `openModel` does, USAGE for what a format cannot hold, the signal's reason; `output` is as it was then. */
export async function exportModel(options: ExportModelOptions): Promise<ExportedModel> {
  const { format, output, dtype, force, signal } = options;
  const model = await openModel(options.model, options.open);
  const outputs = outputLayers(model.card, options.outputs);
  const write = await exporterOf(format);
  await writeWhole(output, { replace: force, mayReplace: checkReplaceable, signal }, (path) =>
    write(model, path, { outputs, dtype, signal }),
  );
  return { card: model.card, path: output, format, outputs, bytes: await sizeOf(output) };
}

/** The paper's names in the order of the network. */
function outputLayers(card: ModelCard, asked: readonly string[]): readonly string[] {
  const { architecture, name: model, noClassifier } = card;
  if (asked.length === 0) return [architecture.classifier === null ? 'pool5' : 'fc8'];
  const names = asked.map((text) => {
    const layer = parseLayer(text);
    if (layer === undefined) {
      throw usageError(
        `Expected layers for --outputs but received ${text}.`,
        `Layers are ${LAYER_CHOICES.join(', ')}.`,
      );
    }
    return findLayer(architecture, layer, model, noClassifier).name;
  });
  return layerOrder(architecture).filter((name) => names.includes(name));
}

function layerOrder(architecture: Architecture): readonly string[] {
  return layersOf(architecture).map(({ name }) => name);
}

async function sizeOf(path: string): Promise<number> {
  const found = await stat(path);
  if (!found.isDirectory()) return found.size;
  const names = await readdir(path, { recursive: true });
  const sizes = await Promise.all(names.map(async (name) => await stat(join(path, name))));
  return sizes.reduce((sum, each) => sum + (each.isFile() ? each.size : 0), 0);
}

/** Throws USAGE for a folder that holds anything that `model export` has not written. */
export async function checkReplaceable(folder: string): Promise<void> {
  const stranger = await strangerIn(folder).catch((error: unknown) => {
    throw usageError(`Expected to look into ${folder} but ${reasonOf(error)}.`);
  });
  if (stranger === undefined) return;
  throw usageError(
    `Expected an empty folder or an exported model for --output but ${folder} holds something else (${stranger}).`,
    'Name another folder.',
  );
}

export async function isEmptyFolder(folder: string): Promise<boolean> {
  return (await readdir(folder).catch(() => [''])).length === 0;
}
