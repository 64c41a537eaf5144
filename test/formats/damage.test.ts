import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { RunError } from '../../src/errors.js';
import { openModel } from '../../src/models/open.js';
import { many } from '../soak.js';
import { modelFixture, ownFile, temporaryFolder, write } from './files.js';

const folder = temporaryFolder();
/** In each file; 2,000 altogether. */
const FLIPS = many(500);
const FILES: Readonly<Record<string, () => Buffer>> = {
  'own.safetensors': () => ownFile(),
  'torchvision.safetensors': () => readFileSync(modelFixture('slim-torchvision.safetensors')),
  'torchvision.pth': () => readFileSync(modelFixture('slim-torchvision.pth')),
  'torchvision-legacy.pth': () => readFileSync(modelFixture('slim-torchvision-legacy.pth')),
};

/** Opens a damaged file: either every tensor lies inside it, or the error is ours and one line. */
async function survives(path: string, bytes: number): Promise<'opened' | 'refused'> {
  try {
    const { weights } = await openModel(path, { seed: 0, cacheDir: folder, env: {} });
    for (const source of Object.values(weights).flatMap(({ kernel, bias }) => [kernel, bias])) {
      const place = source.kind === 'stored' ? source.place : undefined;
      if (place?.kind !== 'range' || place.offset < 0 || place.offset + place.byteLength > bytes) {
        throw new Error(`a tensor lies outside of ${path}`);
      }
    }
    return 'opened';
  } catch (error) {
    if (!(error instanceof RunError)) throw error;
    expect(error.message).toMatch(/^\P{Cc}{10,1000}\.$/u);
    return 'refused';
  }
}

/** Park and Miller's generator: the same damage in every run. */
function generator(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state * 48271) % 2147483647;
    return state % below;
  };
}

describe.each(Object.keys(FILES))('damage to %s', (name) => {
  let bytes: Buffer;
  beforeAll(() => {
    bytes = (FILES[name] as () => Buffer)();
  });

  it('is refused wherever the file is cut off', async () => {
    for (let part = 0; part < 100; part++) {
      const cut = bytes.subarray(0, Math.floor((bytes.length * part) / 100));
      expect(await survives(write(folder, `cut-${name}`, cut), cut.length), `${part} %`).toBe('refused');
    }
  });

  it(`ends in a model or in a clear error for ${FLIPS} bytes changed`, { timeout: 60_000 }, async () => {
    const path = write(folder, name, bytes);
    const random = generator(16);
    // Where the structure is: at the beginning and, in a zip, at the end. Elsewhere there are only weights.
    const head = Math.min(6000, bytes.length);
    const tail = name === 'torchvision.pth' ? 8000 : 0;
    const memory = process.memoryUsage().rss;
    const fd = openSync(path, 'r+');
    try {
      for (let i = 0; i < FLIPS; i++) {
        const at = random(head + tail);
        const position = at < head ? at : bytes.length - 1 - (at - head);
        const original = bytes[position] as number;
        writeSync(fd, Buffer.of(original ^ (1 + random(255))), 0, 1, position);
        await survives(path, bytes.length);
        writeSync(fd, Buffer.of(original), 0, 1, position);
      }
    } finally {
      closeSync(fd);
    }
    expect(await survives(path, bytes.length)).toBe('opened');
    expect(process.memoryUsage().rss - memory).toBeLessThan(300e6);
  });
});
