/** Runs ONNX models through onnxruntime-node, which is installed only where somebody wants to check an export. */

import { modelError, usageError } from '../../errors.js';
import { shown } from '../shared/shown.js';

/** A model that is loaded. */
export interface OnnxSession {
  /** `pixels`: [count, 3, size, size], normalised. Every output by its name, flattened. */
  run(pixels: Float32Array, count: number, size: number): Promise<Record<string, Float32Array>>;
  close(): Promise<void>;
}

/** Throws USAGE where onnxruntime-node is not installed, MODEL_INVALID where it does not load the file. */
export async function openOnnx(path: string, load = importRuntime): Promise<OnnxSession> {
  const { InferenceSession, Tensor } = await load().catch((error: unknown) => {
    throw isMissing(error) ? notInstalled() : error;
  });
  const session = await InferenceSession.create(path).catch((error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error);
    throw modelError(`Expected ONNX Runtime to load ${path} but it failed: ${shown(reason)}.`, { cause: error });
  });
  const [input, ...more] = session.inputNames;
  if (input === undefined || more.length > 0) {
    await session.release();
    throw modelError(`Expected one input in ${path} but it has ${session.inputNames.length}.`);
  }
  return {
    run: async (pixels, count, size) => {
      const results = await session.run({ [input]: new Tensor('float32', pixels, [count, 3, size, size]) });
      const entries = Object.entries(results).map(([name, { data }]): [string, Float32Array] => {
        if (!(data instanceof Float32Array)) throw modelError(`Expected float32 as ${shown(name)} of ${path}.`);
        return [name, data];
      });
      return Object.fromEntries(entries);
    },
    close: async () => await session.release(),
  };
}

/** One batch through a model that is not needed again. */
export async function runOnnx(
  path: string,
  pixels: Float32Array,
  count: number,
  size: number,
): Promise<Record<string, Float32Array>> {
  const session = await openOnnx(path);
  try {
    return await session.run(pixels, count, size);
  } finally {
    await session.close();
  }
}

const importRuntime = async () => await import('onnxruntime-node');

function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException | undefined)?.code === 'ERR_MODULE_NOT_FOUND';
}

function notInstalled(): Error {
  return usageError(
    'To run an ONNX model takes onnxruntime-node, which is not installed.',
    'npm install onnxruntime-node',
  );
}
