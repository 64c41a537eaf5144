/** The engine's thread: opens a session, then answers batches one by one. */

import { parentPort, workerData } from 'node:worker_threads';
import { type BatchRequest, toPlain, type WorkerData, type WorkerReply } from './engine.js';
import { Session } from './session.js';

const { cancelled, ...options } = workerData as WorkerData;
const isCancelled = new Int32Array(cancelled);

function reply(message: WorkerReply, transfer: ArrayBuffer[] = []): void {
  parentPort?.postMessage(message, transfer);
}

try {
  const session = await Session.open(options);
  reply({ type: 'ready' });
  parentPort?.on('message', ({ id, pixels, count }: BatchRequest) => {
    try {
      const outputs = Atomics.load(isCancelled, 0) === 0 ? session.run(pixels, count) : null;
      const buffers = Object.values(outputs ?? {}).map(({ data }) => data.buffer as ArrayBuffer);
      reply({ type: 'batch', id, outputs, pixels }, [pixels, ...buffers]);
    } catch (error) {
      reply({ type: 'failed', id, error: toPlain(error) });
    }
  });
} catch (error) {
  reply({ type: 'failed', id: null, error: toPlain(error) });
}
