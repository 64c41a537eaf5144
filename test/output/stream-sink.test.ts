import { Writable } from 'node:stream';
import { expect, it, vi } from 'vitest';
import { streamSink } from '../../src/output/stream-sink.js';

function failing(code: string): Writable {
  return new Writable({
    write: (_chunk, _encoding, done) => done(Object.assign(new Error(code), { code })),
  });
}

it('waits for a slow reader before it takes more', async () => {
  let release: (() => void) | undefined;
  const stream = new Writable({
    highWaterMark: 1,
    write: (_chunk, _encoding, done) => {
      release = () => done();
    },
  });
  const sink = streamSink(stream, 'stdout', () => {});
  let done = false;
  const written = sink.write('row\n').then(() => {
    done = true;
  });
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(done).toBe(false);
  release?.();
  await written;
  expect(done).toBe(true);
});

it('tells once that the reader has gone, and drops what follows silently', async () => {
  const onClosed = vi.fn();
  const sink = streamSink(failing('EPIPE'), 'stdout', onClosed);
  await sink.write('one\n');
  await vi.waitFor(() => expect(onClosed).toHaveBeenCalledTimes(1));
  await sink.write('two\n');
  await sink.finish();
  expect(onClosed).toHaveBeenCalledTimes(1);
});

it('reports any other failure as a failed output', async () => {
  const sink = streamSink(failing('ENOSPC'), 'stdout', () => {});
  const outcome = sink.write('one\n').then(() => sink.finish());
  await expect(outcome).rejects.toMatchObject({ code: 'OUTPUT_FAILED', exitCode: 1 });
});
