/** The card in the metadata of this project's own model files, checked field by field. */

import { modelError } from '../../errors.js';
import { type Architecture, CONVOLUTIONS_PER_BLOCK } from '../../network/architecture.js';
import type { ModelCard } from '../../network/card.js';
import type { Preset } from '../../network/preset.js';
import { MAX_INPUT_SIZE, MIN_INPUT_SIZE } from '../shared/infer-architecture.js';
import { shown } from '../shared/shown.js';
import { parseUniqueJson } from '../shared/unique-json.js';
import type { WeightFile } from '../shared/weight-file.js';

/** Value of the metadata's `format`, and the version of the layout that this code reads. */
export const CARD_FORMAT = 'vgg16';
export const CARD_VERSION = '1';

/** The names of card and version where `format` belongs to somebody else: `pt` in safetensors of PyTorch's names. */
export const CARD_KEY = 'vgg16.card';
export const VERSION_KEY = 'vgg16.version';

type Fields = Readonly<Record<string, unknown>>;

export function hasCard(file: WeightFile): boolean {
  return file.metadata.format === CARD_FORMAT || file.metadata[CARD_KEY] !== undefined;
}

/** A record of a card inside a zip or a folder, in bytes, at most: 1,000 labels take 30 KB. */
export const MAX_CARD_BYTES = 8 * 1024 * 1024;

/** The text entries of a card that is a JSON file of its own (`cardMetadata`): for a format without text entries. */
export function parseCardRecord(text: string, path: string): Readonly<Record<string, string>> {
  let value: unknown;
  try {
    value = parseUniqueJson(text);
  } catch (error) {
    throw modelError(`Expected JSON as the card in ${path} but it is damaged.`, { cause: error });
  }
  const entries = typeof value === 'object' && value !== null ? Object.entries(value) : [];
  const strings = entries.filter((entry): entry is [string, string] => typeof entry[1] === 'string');
  return Object.fromEntries(strings);
}

/** Throws MODEL_INVALID naming the field, what was expected and what came. */
export function parseCard(file: WeightFile): ModelCard {
  const { [VERSION_KEY]: version = file.metadata.version, [CARD_KEY]: text = file.metadata.card } = file.metadata;
  const check = new Checker(file.path);
  if (version !== CARD_VERSION) throw check.wrong('version', `"${CARD_VERSION}"`, version);
  if (text === undefined) throw check.wrong('card', 'a JSON object', text);
  let value: unknown;
  try {
    value = parseUniqueJson(text);
  } catch (error) {
    throw modelError(`Expected JSON as the card of ${file.path} but it is damaged.`, { cause: error });
  }
  const card = check.object(value, 'card');
  const architecture = parseArchitecture(check.object(card.architecture, 'architecture'), check);
  const preset = parsePreset(check.object(card.preset, 'preset'), check);
  if (preset.crop !== architecture.inputSize)
    throw check.wrong('preset.crop', `${architecture.inputSize}, the input's side`, preset.crop);
  const noClassifier = check.optionalText(card.noClassifier, 'noClassifier');
  return {
    name: check.text(card.name, 'name'),
    architecture,
    preset,
    labels: parseLabelList(card.labels, architecture, check),
    license: check.optionalText(card.license, 'license'),
    source: check.optionalText(card.source, 'source'),
    accuracy: parseAccuracy(card.accuracy, check),
    ...(noClassifier === null ? {} : { noClassifier }),
  };
}

function parseArchitecture(fields: Fields, check: Checker): Architecture {
  const inputSize = check.count(fields.inputSize, 'architecture.inputSize');
  if (inputSize < MIN_INPUT_SIZE || inputSize % 2 !== 0 || inputSize > MAX_INPUT_SIZE) {
    const expected = `an even number from ${MIN_INPUT_SIZE} to ${MAX_INPUT_SIZE}`;
    throw check.wrong('architecture.inputSize', expected, inputSize);
  }
  const blocks = check.array(fields.convolutions, 'architecture.convolutions', CONVOLUTIONS_PER_BLOCK.length);
  const convolutions = blocks.map((block, b) => {
    const name = `architecture.convolutions[${b}]`;
    return check.array(block, name, CONVOLUTIONS_PER_BLOCK[b] as number).map((width) => check.count(width, name));
  });
  if (fields.classifier === null) return { inputSize, convolutions, classifier: null };
  const classifier = check.object(fields.classifier, 'architecture.classifier');
  return {
    inputSize,
    convolutions,
    classifier: {
      fc6: check.count(classifier.fc6, 'architecture.classifier.fc6'),
      fc7: check.count(classifier.fc7, 'architecture.classifier.fc7'),
      classes: check.count(classifier.classes, 'architecture.classifier.classes'),
    },
  };
}

function parsePreset(fields: Fields, check: Checker): Preset {
  const crop = check.count(fields.crop, 'preset.crop');
  const resize = check.count(fields.resize, 'preset.resize');
  if (resize < crop || resize > 2 * MAX_INPUT_SIZE)
    throw check.wrong('preset.resize', `${crop} to ${2 * MAX_INPUT_SIZE}`, resize);
  const { channels } = fields;
  if (channels !== 'RGB' && channels !== 'BGR') throw check.wrong('preset.channels', 'RGB or BGR', channels);
  const divisor = check.number(fields.divisor, 'preset.divisor');
  const std = check.triple(fields.std, 'preset.std');
  if (divisor <= 0) throw check.wrong('preset.divisor', 'a number above 0', divisor);
  if (std.some((value) => value <= 0)) throw check.wrong('preset.std', 'numbers above 0', std);
  return {
    name: check.text(fields.name, 'preset.name'),
    resize,
    crop,
    channels,
    divisor,
    mean: check.triple(fields.mean, 'preset.mean'),
    std,
  };
}

function parseLabelList(value: unknown, { classifier }: Architecture, check: Checker): readonly string[] | null {
  if (value === null || value === undefined) return null;
  if (classifier === null) throw check.wrong('labels', 'none for a base without classifier', value);
  return check.array(value, 'labels', classifier.classes).map((label) => check.text(label, 'labels'));
}

function parseAccuracy(value: unknown, check: Checker): ModelCard['accuracy'] {
  if (value === null || value === undefined) return null;
  const fields = check.object(value, 'accuracy');
  const top1 = check.number(fields.top1, 'accuracy.top1');
  const on = check.text(fields.on, 'accuracy.on');
  return fields.top5 === undefined ? { top1, on } : { top1, top5: check.number(fields.top5, 'accuracy.top5'), on };
}

class Checker {
  constructor(readonly path: string) {}

  wrong(field: string, expected: string, came: unknown): Error {
    const found = came === undefined ? 'missing' : shown(came);
    return modelError(`Expected ${expected} for ${field} in the card of ${this.path} but it is ${found}.`);
  }

  object(value: unknown, field: string): Fields {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw this.wrong(field, 'an object', value);
    return value as Fields;
  }

  array(value: unknown, field: string, length: number): readonly unknown[] {
    if (!Array.isArray(value)) throw this.wrong(field, `a list of ${length}`, value);
    if (value.length !== length) throw this.wrong(field, `a list of ${length}`, `a list of ${value.length}`);
    return value;
  }

  text(value: unknown, field: string): string {
    if (typeof value !== 'string' || value === '') throw this.wrong(field, 'text', value);
    return value;
  }

  optionalText(value: unknown, field: string): string | null {
    return value === null || value === undefined ? null : this.text(value, field);
  }

  number(value: unknown, field: string): number {
    if (!Number.isFinite(value)) throw this.wrong(field, 'a number', value);
    return value as number;
  }

  count(value: unknown, field: string): number {
    if (!Number.isSafeInteger(value) || (value as number) < 1) throw this.wrong(field, 'a whole number from 1', value);
    return value as number;
  }

  triple(value: unknown, field: string): readonly [number, number, number] {
    const [a, b, c] = this.array(value, field, 3).map((item) => this.number(item, field));
    return [a as number, b as number, c as number];
  }
}
