/** The engine's thread: loads TensorFlow, opens a session when it is told of a model, then answers batches one by one. */

import { parentPort } from 'node:worker_threads';
import { INPUT_CHANNELS } from '../network/architecture.js';
import { type BatchRequest, type OpenRequest, toPlain, type WorkerReply } from './engine.js';
import { activationBytes, networkMemory } from './memory.js';
import { MemoryPool, type OperationAddon } from './memory-pool.js';
import { Session } from './session.js';
import { loadAddon } from './tensorflow.js';

function reply(message: WorkerReply, transfer: ArrayBuffer[] = []): void {
  parentPort?.postMessage(message, transfer);
}

async function open({ cancelled, ...options }: OpenRequest): Promise<void> {
  const session = await Session.open(options);
  const { model, precision, outputs } = options;
  const { architecture } = model.card;
  const imageBytes = architecture.inputSize ** 2 * INPUT_CHANNELS;
  const pool = new MemoryPool(loadAddon() as OperationAddon, {
    perImage: activationBytes(architecture, precision, outputs),
    weights: networkMemory(architecture, precision, outputs).weights,
  });
  const isCancelled = new Int32Array(cancelled);
  const run = (pixels: ArrayBuffer, count: number) => {
    pool.reserve(pixels.byteLength / imageBytes); // the buffer has room for the largest batch to come
    return session.run(pixels, count);
  };
  parentPort?.on('message', ({ id, pixels, count }: BatchRequest) => {
    try {
      const results = Atomics.load(isCancelled, 0) === 0 ? run(pixels, count) : null;
      const buffers = Object.values(results ?? {}).map(({ data }) => data.buffer as ArrayBuffer);
      reply({ type: 'batch', id, outputs: results, pixels }, [pixels, ...buffers]);
    } catch (error) {
      reply({ type: 'failed', id, error: toPlain(error) });
    }
  });
  reply({ type: 'ready' });
}

parentPort?.once('message', (request: OpenRequest) => {
  open(request).catch((error: unknown) => reply({ type: 'failed', id: null, error: toPlain(error) }));
});

try {
  const addon = loadAddon(); // before there is a request: the thread may have been prepared for one to come
  // A TensorFlow that never made a tensor is unloaded with this thread and leaves exit handlers behind: SIGSEGV at the end.
  addon.deleteTensor(addon.createTensor([1], addon.TF_FLOAT, Float32Array.of(0)));
} catch {
  // The request fails with the same error, and is told.
}
reply({ type: 'loaded' });
