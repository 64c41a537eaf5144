/** Text to a stream such as stdout: with back-pressure, and knowing when nobody reads any more. */

import type { Writable } from 'node:stream';
import { outputFailed, type Sink } from './sink.js';

/** `onClosed` is called once when the reader has gone (`| head`); text that follows is dropped silently. */
export function streamSink(stream: Writable, name: string, onClosed: () => void): Sink {
  let failure: Error | undefined;
  let closed = false;
  const waiting = new Set<() => void>();
  const wake = () => {
    for (const resume of waiting) resume();
  };
  const onError = (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE' || error.code === 'ERR_STREAM_DESTROYED') {
      if (!closed) onClosed();
      closed = true;
    } else {
      failure = error;
    }
    wake();
  };
  // oclif's own listener rethrows what is not EPIPE, which would end the process from inside an event.
  stream.removeAllListeners('error');
  stream.on('error', onError);
  stream.on('drain', wake);

  return {
    async write(text) {
      if (failure !== undefined) throw outputFailed(name, failure);
      if (closed || text === '') return;
      await new Promise<void>((resolve) => {
        const resume = () => {
          waiting.delete(resume);
          resolve();
        };
        waiting.add(resume);
        // The callback comes when the text is flushed, or has failed.
        stream.write(text, resume);
      });
      if (failure !== undefined) throw outputFailed(name, failure);
    },
    async finish() {
      if (failure !== undefined) throw outputFailed(name, failure);
    },
    async abandon() {},
  };
}
