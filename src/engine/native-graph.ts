/**
 * Compiled graphs in TensorFlow, through tfjs-node's addon alone. Of tfjs's JavaScript a compiled graph needs nothing, and
 * loading it takes longer than loading half a gigabyte of weights.
 */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getSystemErrorMap } from 'node:util';
import { ExitCode, RunError } from '../errors.js';
import type { Addon, FeedTensor, FetchedTensor } from './addon.js';
import { loadAddon } from './tensorflow.js';

/** A graph in a TensorFlow session of its own, in which its variables live. */
export class NativeGraph {
  readonly #addon: Addon;
  readonly #id: number;

  private constructor(addon: Addon, id: number) {
    this.#addon = addon;
    this.#id = id;
  }

  /**
   * Opens a graph, the bytes of a `saved_model.pb`. Throws RUNTIME_MISSING where TensorFlow cannot be loaded, OUTPUT_FAILED
   * where the folder for temporary files, from which TensorFlow reads it, cannot be written.
   */
  static open(savedModel: Uint8Array): NativeGraph {
    const addon = loadAddon();
    const folder = temporaryFolder(savedModel);
    try {
      return new NativeGraph(addon, addon.loadSavedModel(folder, 'serve'));
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }

  /**
   * Feeds nodes by their names, a text as a scalar, and fetches tensors, `node` or `node:output`, in their order. Throws
   * TensorFlow's error.
   */
  run(feeds: Readonly<Record<string, FeedTensor | string>>, fetches: readonly string[]): readonly FetchedTensor[] {
    const addon = this.#addon;
    const inputs = Object.entries(feeds);
    const ids: number[] = [];
    try {
      for (const [, value] of inputs) ids.push(this.#tensor(value));
      const results = addon.runSavedModel(
        this.#id,
        ids,
        inputs.map(([node]) => tensorName(node)).join(','),
        names(fetches),
      );
      try {
        return results.map(({ id, shape }) => ({ shape, data: addon.tensorDataSync(id) }));
      } finally {
        for (const { id } of results) addon.deleteTensor(id);
      }
    } finally {
      for (const id of ids) addon.deleteTensor(id);
    }
  }

  /** Ends the session and gives the memory of its variables back. */
  close(): void {
    this.#addon.deleteSavedModel(this.#id);
  }

  #tensor(value: FeedTensor | string): number {
    const addon = this.#addon;
    if (typeof value === 'string') return addon.createTensor([], addon.TF_STRING, [new TextEncoder().encode(value)]);
    const { shape, data } = value;
    const dtype =
      data instanceof Float32Array ? addon.TF_FLOAT : data instanceof Int32Array ? addon.TF_INT32 : addon.TF_UINT8;
    return addon.createTensor(shape, dtype, data);
  }
}

/** A new folder with the graph as a file. */
function temporaryFolder(savedModel: Uint8Array): string {
  let folder: string | undefined;
  try {
    folder = mkdtempSync(join(tmpdir(), 'vgg16-'));
    writeFileSync(join(folder, 'saved_model.pb'), savedModel);
    return folder;
  } catch (error) {
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
    const { errno, message } = error as NodeJS.ErrnoException;
    const [, reason = message] = getSystemErrorMap().get(errno ?? 0) ?? [];
    throw new RunError('OUTPUT_FAILED', `Expected to write into ${tmpdir()}, for temporary files, but ${reason}.`, {
      exitCode: ExitCode.Unexpected,
      hint: 'Make room there, or set the variable TMPDIR to another folder.',
      cause: error,
    });
  }
}

const names = (nodes: readonly string[]): string => nodes.map(tensorName).join(',');

const tensorName = (node: string): string => (node.includes(':') ? node : `${node}:0`);
