/** `manifest.json`: what a dataset is, for people and programs. No times and no hosts: the same work gives the same bytes. */

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, rm, stat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { type RunError, usageError } from '../../errors.js';
import { type ArraySpec, isArraySpec } from '../arrays/spec.js';
import { writeAtomically } from '../files/atomic.js';
import { readRegularFile } from '../files/read.js';
import { reasonOf } from '../sink.js';
import type { Settings } from '../store/journal.js';
import { finalsOf } from '../store/layout.js';
import { EMBEDDING_FORMATS, type EmbeddingFormat, ROW_FILE_FORMATS, type RowFileFormat } from './formats.js';
import { type DatasetFormat, partLayout } from './parts.js';
import { type DescribedColumn, datasetColumns } from './rows.js';

/** Raised when a key changes its meaning or goes away. */
export const MANIFEST_VERSION = 1;

export const MANIFEST = 'manifest.json';

/** A file of a part; `path` is relative to the dataset. */
export interface PartFile {
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
}

export interface DatasetPart {
  readonly rows: number;
  readonly failed: number;
  readonly files: readonly PartFile[];
}

/** What the manifest says of the model; plain data. */
export interface DatasetModel {
  readonly name: string;
  readonly sha256: string | null;
  readonly preset: { readonly name: string };
  readonly labels: readonly string[] | null;
  readonly license: string | null;
  readonly source: string | null;
}

export interface Manifest {
  readonly v: number;
  readonly tool: 'vgg16';
  /** All parts are there; false while the run goes on, or when it was ended. */
  readonly complete: boolean;
  readonly model: DatasetModel;
  readonly settings: Settings;
  readonly schema: {
    readonly rows: { readonly format: RowFileFormat; readonly columns: readonly DescribedColumn[] };
    readonly embeddings: { readonly format: EmbeddingFormat; readonly layers: readonly ArraySpec[] };
  };
  readonly counts: {
    readonly rows: number;
    readonly ok: number;
    readonly failed: number;
    /** By code. */
    readonly errors: Readonly<Record<string, number>>;
  };
  /** sha256 over the shown paths of the whole input, each followed by NUL; `null` until the run is complete. */
  readonly inputs: string | null;
  readonly parts: readonly DatasetPart[];
}

export function schemaOf({ rows, embeddings, topK, layers }: DatasetFormat): Manifest['schema'] {
  const columns = datasetColumns(topK).map(({ name, type, nullable, description }) => ({
    name,
    type,
    nullable,
    description,
  }));
  return {
    rows: { format: rows, columns },
    embeddings: {
      format: embeddings,
      layers: embeddings === 'none' ? [] : layers.map(({ name, shape, dtype }) => ({ name, shape, dtype })),
    },
  };
}

/** The files of a finished part. */
export async function describePart(format: DatasetFormat, part: number): Promise<readonly PartFile[]> {
  const files: PartFile[] = [];
  for (const file of finalsOf(partLayout(format, part))) {
    const hash = createHash('sha256');
    for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
    files.push({ path: relative(format.folder, file), bytes: (await stat(file)).size, sha256: hash.digest('hex') });
  }
  return files;
}

export async function writeManifest(folder: string, manifest: Manifest): Promise<void> {
  const write = () => writeAtomically(join(folder, MANIFEST), `${JSON.stringify(manifest, null, 2)}\n`);
  await write().catch((error: RunError) => {
    // Another run that completes at this moment has cleared the unfinished file away.
    if ((error.cause as NodeJS.ErrnoException | undefined)?.code !== 'ENOENT') throw error;
    return write();
  });
}

/** Deletes the unfinished manifests of runs that were killed. */
export async function clearManifests(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const isPartial = name.startsWith(`${MANIFEST}.`) && /^[0-9a-f]{8}\.partial$/.test(name.slice(MANIFEST.length + 1));
    if (isPartial) await rm(join(folder, name), { force: true });
  }
}

/** Reads the manifest of a dataset. Throws USAGE where there is none, or none of this version. */
export async function readManifest(folder: string): Promise<Manifest> {
  const path = join(folder, MANIFEST);
  const text = await readRegularFile(path).catch((error: unknown) => {
    throw usageError(
      `Expected a dataset in ${folder} but ${path} cannot be read: ${reasonOf(error)}.`,
      'Name the folders that vgg16 export has written.',
    );
  });
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch {
    found = undefined;
  }
  if (!isManifest(found))
    throw usageError(`Expected a manifest of version ${MANIFEST_VERSION} in ${path} but it is none.`);
  return found;
}

function isManifest(found: unknown): found is Manifest {
  const { v, schema, settings, parts, model } = (found ?? {}) as Partial<Manifest>;
  return (
    v === MANIFEST_VERSION &&
    ROW_FILE_FORMATS.some((format) => format === schema?.rows?.format) &&
    Array.isArray(schema?.rows.columns) &&
    schema.rows.columns.every((column) => typeof column?.name === 'string') &&
    EMBEDDING_FORMATS.some((format) => format === schema?.embeddings?.format) &&
    Array.isArray(schema?.embeddings.layers) &&
    schema.embeddings.layers.every(isArraySpec) &&
    typeof settings === 'object' &&
    Number.isSafeInteger(settings?.['shard-rows']) &&
    Array.isArray(parts) &&
    typeof model?.preset?.name === 'string'
  );
}
