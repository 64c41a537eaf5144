/** The folders that `model export` writes, so that nothing else is ever replaced by one. */

import { lstat, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CARD_RECORD } from './card/metadata.js';
import { CARD_FORMAT } from './card/parse.js';
import { EXTRA_ASSETS } from './savedmodel/read.js';
import { SAVED_MODEL_FILE, TFJS_FILE } from './shared/signatures.js';

/** Files of a SavedModel and of a TensorFlow.js model, by their paths within it. */
const SAVED_MODEL = new RegExp(
  `^(?:${SAVED_MODEL_FILE}|variables|variables/variables\\.(?:index|data-00000-of-00001)|${EXTRA_ASSETS}|${EXTRA_ASSETS}/${CARD_RECORD})$`,
);
const TFJS = new RegExp(`^(?:${TFJS_FILE}|group1-shard\\d+of\\d+\\.bin)$`);

/** Folders of a SavedModel; all else is a file. */
const FOLDERS: readonly string[] = ['variables', EXTRA_ASSETS];

/** A `model.json` of ours has the network and the card: 10 kB, and the labels. Larger ones are not looked into. */
const MAX_JSON_BYTES = 16 << 20;

/**
 * The name of something in `folder` that `model export` did not write there; `undefined` where it wrote all of it, or
 * where the folder is empty. The names have to be its own and the card has to be there, since other programs use the
 * same names.
 */
export async function strangerIn(folder: string): Promise<string | undefined> {
  const names = await readdir(folder);
  if (names.length === 0) return undefined;
  const known = names.includes(SAVED_MODEL_FILE) ? SAVED_MODEL : TFJS;
  // All names of a folder before what is within them: a stranger's may hold millions.
  const unknown = names.find((name) => !known.test(name));
  if (unknown !== undefined) return unknown;
  for (const name of names) {
    const found = await lstat(join(folder, name));
    const isFolder = FOLDERS.includes(name);
    if (isFolder ? !found.isDirectory() : !found.isFile()) return name;
    for (const inner of isFolder ? await readdir(join(folder, name)) : []) {
      const path = join(name, inner);
      if (!known.test(path) || !(await lstat(join(folder, path))).isFile()) return path;
    }
  }
  const hasCard = known === SAVED_MODEL ? await isCard(join(folder, EXTRA_ASSETS, CARD_RECORD)) : await isTfjs(folder);
  return hasCard ? undefined : names[0];
}

async function isCard(path: string): Promise<boolean> {
  return (await readJson(path))?.format === CARD_FORMAT;
}

async function isTfjs(folder: string): Promise<boolean> {
  const { userDefinedMetadata } = (await readJson(join(folder, TFJS_FILE))) ?? {};
  const { format } = (userDefinedMetadata ?? {}) as { readonly format?: unknown };
  return format === CARD_FORMAT;
}

/** `undefined` where it is not there, or no JSON object. */
async function readJson(path: string): Promise<Readonly<Record<string, unknown>> | undefined> {
  try {
    if ((await lstat(path)).size > MAX_JSON_BYTES) return undefined;
    const value: unknown = JSON.parse(await readFile(path, 'utf8'));
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
