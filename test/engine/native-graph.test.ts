import { expect, it, vi } from 'vitest';
import { NativeGraph } from '../../src/engine/native-graph.js';

it('says so where the folder for temporary files cannot be written', () => {
  vi.stubEnv('TMPDIR', '/none');
  const failure = { code: 'OUTPUT_FAILED', exitCode: 1, hint: expect.stringContaining('TMPDIR') };
  expect(() => NativeGraph.open(new Uint8Array())).toThrow(expect.objectContaining(failure));
  expect(() => NativeGraph.open(new Uint8Array())).toThrow(
    'Expected to write into /none, for temporary files, but no such file or directory.',
  );
  vi.unstubAllEnvs();
});
