/** Write a model in the format of another framework. */

import { randomBytes } from 'node:crypto';
import { readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { usageError } from '../../errors.js';
import { type Architecture, layersOf } from '../../model/architecture.js';
import type { ModelCard } from '../../model/card.js';
import type { ExportDType, Exporter } from '../../model/export/options.js';
import { findLayer, LAYER_CHOICES, parseLayer } from '../../model/layer-names.js';
import { type OpenOptions, openModel } from '../../model/open.js';
import { syncFolder } from '../../output/atomic.js';
import { outputFailed } from '../../output/sink.js';

/** The formats of `model export`; each module is loaded when it is asked for. */
const EXPORTERS = {
  savedmodel: async () => (await import('../../model/export/savedmodel.js')).exportSavedmodel,
  onnx: async () => (await import('../../model/export/onnx.js')).exportOnnx,
  safetensors: async () => (await import('../../model/export/safetensors.js')).exportSafetensors,
  pytorch: async () => (await import('../../model/export/pytorch.js')).exportPytorch,
  tfjs: async () => (await import('../../model/export/tfjs.js')).exportTfjs,
  keras: async () => (await import('../../model/export/keras.js')).exportKeras,
} as const satisfies Record<string, () => Promise<Exporter>>;

export type ExportFormat = keyof typeof EXPORTERS;

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
}

export interface ExportedModel {
  readonly card: ModelCard;
  readonly path: string;
  readonly format: ExportFormat;
  /** Of the file, or of all files of the folder. */
  readonly bytes: number;
}

/** Throws as `openModel` does, and USAGE for what a format cannot hold; nothing is left at `output` then. */
export async function exportModel(options: ExportModelOptions): Promise<ExportedModel> {
  const { format, output, dtype, force } = options;
  const model = await openModel(options.model, options.open);
  const outputs = outputLayers(model.card, options.outputs);
  const write: Exporter = await EXPORTERS[format]();
  const partial = `${output}.${randomBytes(4).toString('hex')}.partial`;
  try {
    await write(model, partial, { outputs, dtype });
    await publish(partial, output, force);
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    throw isSystemError(error) ? outputFailed(output, error) : error;
  }
  return { card: model.card, path: output, format, bytes: await sizeOf(output) };
}

/** The paper's names in the order of the network. */
export function outputLayers(card: ModelCard, asked: readonly string[]): readonly string[] {
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

/** Gives the new output its name; a folder that is there is moved away first, since nothing renames over it. */
async function publish(partial: string, output: string, force: boolean): Promise<void> {
  const there = await stat(output).catch(() => undefined);
  if (there !== undefined && !force)
    throw usageError(`Expected a new --output but ${output} exists.`, 'Type --force to replace it.');
  const old = there?.isDirectory() ? `${output}.${randomBytes(4).toString('hex')}.old` : undefined;
  if (old !== undefined) await rename(output, old);
  await rename(partial, output);
  await syncFolder(dirname(output));
  if (old !== undefined) await rm(old, { recursive: true });
}

async function sizeOf(path: string): Promise<number> {
  const found = await stat(path);
  if (!found.isDirectory()) return found.size;
  const names = await readdir(path, { recursive: true });
  const sizes = await Promise.all(names.map(async (name) => await stat(join(path, name))));
  return sizes.reduce((sum, each) => sum + (each.isFile() ? each.size : 0), 0);
}

function isSystemError(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error;
}
