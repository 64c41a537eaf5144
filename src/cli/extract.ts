/** `vgg16 extract`: flags → options → service → rows. */

import { type ExitCode, usageError } from '../errors.js';
import type { LayerOutput } from '../network/output-request.js';
import type { ArrayDType } from '../output/arrays/spec.js';
import { outputTarget } from '../output/files/links.js';
import type { StoreFormat } from '../output/rows/encoder.js';
import type { ExtractedRow } from '../output/rows/records.js';
import { finalsOf } from '../output/store/layout.js';
import { extract, layerSpecs } from '../services/extract.js';
import type { CommandContext } from './command/context.js';
import { extractFormat, extractFormatOf, textEncoder } from './output/extract-formats.js';
import { rowOutput } from './output/file.js';
import { STDOUT } from './output/options.js';
import type { RunOutput } from './output/run-output.js';
import { checkOutputFiles } from './output/stored.js';
import { type ImageRunFlags, runImages } from './run/image-run.js';

/** The flags that choose activations. */
export interface LayerFlags {
  readonly layer?: readonly string[] | undefined;
  readonly activation: 'post' | 'pre';
  readonly pool: 'none' | 'avg' | 'max';
  readonly normalize: 'none' | 'l2';
  readonly dtype: ArrayDType;
}

export interface ExtractFlags extends ImageRunFlags, LayerFlags {
  readonly format?: StoreFormat | undefined;
}

/** The layer that people mean by the features of VGG-16. */
const DEFAULT_LAYER = 'fc7';

export async function runExtract(
  inputs: readonly string[],
  flags: ExtractFlags,
  context: CommandContext,
): Promise<ExitCode> {
  const format = extractFormatOf(flags.format, flags.output);
  const layers = layersOf(flags);
  await checkBefore(format, layers, flags);
  return runImages<ExtractedRow>({
    command: 'extract',
    inputs,
    flags,
    context,
    onTerminal: false,
    output: (onClosed) => openOutput(format, layers, flags, onClosed),
    events: (options) => extract({ ...options, layers }),
  });
}

/** What the network is asked for, each layer once. */
export function layersOf({ layer, activation, pool, normalize, dtype }: LayerFlags): readonly LayerOutput[] {
  const names = [...new Set(layer ?? [DEFAULT_LAYER])];
  return names.map((name) => ({ kind: 'layer', layer: name, activation, pool, normalize, dtype }));
}

/** The flags of `layersOf` as settings. */
export function layerSettings(layers: readonly LayerOutput[], { activation, pool, normalize, dtype }: LayerFlags) {
  return { layers: layers.map(({ layer }) => layer), activation, pool, normalize, dtype };
}

/** Throws for an output that cannot be written, before anything is downloaded or loaded. */
async function checkBefore(format: StoreFormat, layers: readonly LayerOutput[], flags: ExtractFlags): Promise<void> {
  if (flags.output === STDOUT) {
    if (format === 'csv' || format === 'jsonl') return;
    throw usageError(`Expected --output FILE for ${format}, which is no stream of text.`, `Add -o features.${format}.`);
  }
  const target = await outputTarget(flags.output);
  // The names of the files follow from those of the layers; shapes are known with the model.
  const named = layers.map(({ layer }) => ({ name: layer === 'fc8' ? 'logits' : layer, shape: [] }));
  await checkOutputFiles(finalsOf(extractFormat(format, target, named, flags.dtype).layout), flags);
}

function openOutput(
  format: StoreFormat,
  layers: readonly LayerOutput[],
  flags: ExtractFlags,
  onClosed: () => void,
): Promise<RunOutput<ExtractedRow>> {
  const isText = format === 'csv' || format === 'jsonl';
  return rowOutput<ExtractedRow>({
    command: 'extract',
    format,
    flags,
    encoder: isText ? (card) => textEncoder(format, layerSpecs(card, layers)) : undefined,
    formatFor: (card, target) => extractFormat(format, target, layerSpecs(card, layers), flags.dtype),
    settings: layerSettings(layers, flags),
    onClosed,
  });
}
