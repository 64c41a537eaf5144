/** Rows into a dataset: part after part, each closed under its name when it is full. */

import { mkdir } from 'node:fs/promises';
import type { FailedRow } from '../rows/records.js';
import { outputFailed } from '../sink.js';
import { Earlier } from '../store/earlier.js';
import type { Settings } from '../store/journal.js';
import type { KeptRow } from '../store/kept-row.js';
import { type Encoded, type RowWriter, toStoreRow } from '../store/row-writer.js';
import { Store, type StoreRow } from '../store/store.js';
import {
  clearManifests,
  type DatasetModel,
  type DatasetPart,
  describePart,
  MANIFEST_VERSION,
  schemaOf,
  writeManifest,
} from './manifest.js';
import { type DatasetFormat, datasetFolders, datasetText, partLayout, partsIn, removePart } from './parts.js';
import type { DatasetOkRow, DatasetRow } from './rows.js';

export interface DatasetOptions {
  readonly format: DatasetFormat;
  /** Rows of a part, but for the last. */
  readonly shardRows: number;
  readonly settings: Settings;
  readonly shard: { readonly index: number; readonly count: number };
  readonly model: DatasetModel;
  /** Replace the parts of an earlier run. */
  readonly replace: boolean;
}

/** All rows of the parts that a folder has. Throws USAGE when they were made with other settings. */
export async function earlierParts(
  format: DatasetFormat,
  settings: Settings,
  options: { readonly retryFailed: boolean },
): Promise<Earlier> {
  const earlier = new Earlier(options);
  try {
    for (const part of await partsIn(format.folder)) await earlier.add(partLayout(format, part), settings);
    return earlier;
  } catch (error) {
    await earlier.close();
    throw error;
  }
}

export class DatasetWriter implements RowWriter<DatasetOkRow> {
  readonly #options: DatasetOptions;
  readonly #head: string;
  readonly #encode: (row: DatasetRow) => Encoded;
  readonly #parts: DatasetPart[] = [];
  readonly #errors = new Map<string, number>();
  #store: Store | undefined;
  #failed = 0;
  #changed = false;

  constructor(options: DatasetOptions) {
    this.#options = options;
    const text = datasetText(options.format);
    this.#head = text.header();
    this.#encode = (row) => ({ text: text.encode([row]), arrays: arraysOf(row, options.format) });
  }

  async write(rows: readonly (DatasetOkRow | FailedRow | KeptRow)[]): Promise<void> {
    await this.append(
      rows.map((row) =>
        toStoreRow(row as DatasetOkRow | FailedRow | KeptRow, this.#encode as (row: object) => Encoded),
      ),
    );
  }

  /** Rows as a store takes them. */
  async append(rows: readonly StoreRow[]): Promise<void> {
    const { shardRows } = this.#options;
    let rest = rows;
    while (rest.length > 0) {
      const store = await this.#open();
      const now = rest.slice(0, shardRows - store.rows);
      rest = rest.slice(now.length);
      await store.append(now);
      for (const row of now) this.#count(row);
      if (store.rows === shardRows) await this.#closePart();
    }
  }

  async finish(list: string): Promise<boolean> {
    const { format } = this.#options;
    // Without a row there is still a part, so that the schema can be read.
    if (this.#store !== undefined || this.#parts.length === 0) await this.#closePart();
    for (const part of await partsIn(format.folder)) {
      if (part < this.#parts.length) continue;
      await removePart(format, part);
      this.#changed = true;
    }
    await this.#writeManifest(list);
    await clearManifests(format.folder);
    return this.#changed;
  }

  async abandon(options: { readonly keep: boolean }): Promise<string | undefined> {
    const partial = await this.#store?.abandon(options);
    return partial === undefined && this.#parts.length === 0 ? undefined : this.#options.format.folder;
  }

  async #open(): Promise<Store> {
    if (this.#store !== undefined) return this.#store;
    const { format, settings, shard, replace } = this.#options;
    if (this.#parts.length === 0) {
      for (const folder of datasetFolders(format)) {
        await mkdir(folder, { recursive: true }).catch((error: unknown) => {
          throw outputFailed(folder, error);
        });
      }
    }
    this.#store = new Store({
      layout: partLayout(format, this.#parts.length),
      settings,
      shard,
      head: this.#head,
      replace,
    });
    this.#failed = 0;
    return this.#store;
  }

  async #closePart(): Promise<void> {
    const store = await this.#open();
    if (await store.finish('')) this.#changed = true;
    const files = await describePart(this.#options.format, this.#parts.length);
    this.#parts.push({ rows: store.rows, failed: this.#failed, files });
    this.#store = undefined;
    if (this.#changed) await this.#writeManifest(null);
  }

  #count(row: StoreRow): void {
    const error = 'kept' in row ? row.kept.entry.error : row.error;
    if (error === undefined) return;
    this.#failed += 1;
    this.#errors.set(error.code, (this.#errors.get(error.code) ?? 0) + 1);
  }

  async #writeManifest(list: string | null): Promise<void> {
    const { format, settings, model } = this.#options;
    const failed = this.#parts.reduce((sum, part) => sum + part.failed, 0);
    const rows = this.#parts.reduce((sum, part) => sum + part.rows, 0);
    await writeManifest(format.folder, {
      v: MANIFEST_VERSION,
      tool: 'vgg16',
      complete: list !== null,
      model,
      settings,
      schema: schemaOf(format),
      counts: { rows, ok: rows - failed, failed, errors: Object.fromEntries([...this.#errors].sort()) },
      inputs: list,
      parts: this.#parts,
    });
  }
}

/** The bytes of a row's numbers, an array a layer; none where the image failed. */
function arraysOf(row: DatasetRow, { layers }: DatasetFormat): readonly Uint8Array[] | null {
  if (row.status === 'error') return layers.length === 0 ? [] : null;
  return row.layers.map(({ values }) => new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
}
