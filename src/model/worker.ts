/** The engine's thread: opens a session, then answers batches one by one. */

import { parentPort, workerData } from 'node:worker_threads';
import { INPUT_CHANNELS } from './architecture.js';
import { type BatchRequest, toPlain, type WorkerData, type WorkerReply } from './engine.js';
import { activationBytes, networkMemory } from './memory.js';
import { MemoryPool, type OperationAddon } from './pool.js';
import { Session } from './session.js';
import { loadAddon } from './tensorflow.js';

const { cancelled, ...options } = workerData as WorkerData;
const isCancelled = new Int32Array(cancelled);

function reply(message: WorkerReply, transfer: ArrayBuffer[] = []): void {
  parentPort?.postMessage(message, transfer);
}

try {
  const session = await Session.open(options);
  const { model, precision, outputs } = options;
  const { architecture } = model.card;
  const imageBytes = architecture.inputSize ** 2 * INPUT_CHANNELS;
  const pool = new MemoryPool(loadAddon() as OperationAddon, {
    perImage: activationBytes(architecture, precision, outputs),
    weights: networkMemory(architecture, precision, outputs).weights,
  });
  const run = (pixels: ArrayBuffer, count: number) => {
    pool.reserve(pixels.byteLength / imageBytes); // the buffer has room for the largest batch to come
    return session.run(pixels, count);
  };
  reply({ type: 'ready' });
  parentPort?.on('message', ({ id, pixels, count }: BatchRequest) => {
    try {
      const outputs = Atomics.load(isCancelled, 0) === 0 ? run(pixels, count) : null;
      const buffers = Object.values(outputs ?? {}).map(({ data }) => data.buffer as ArrayBuffer);
      reply({ type: 'batch', id, outputs, pixels }, [pixels, ...buffers]);
    } catch (error) {
      reply({ type: 'failed', id, error: toPlain(error) });
    }
  });
} catch (error) {
  reply({ type: 'failed', id: null, error: toPlain(error) });
}
