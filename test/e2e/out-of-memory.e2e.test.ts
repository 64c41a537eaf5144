/** Under `ulimit -v`, where memory really runs out. */

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { PHOTO_NAMES, PHOTOS, readJson, temporaryFolder } from './helpers/folder.js';
import { PROGRAM, type Running, start, startProgram } from './helpers/program.js';

/** The first convolutions of a network at its full size: quick to load, 37 MiB an image to compute. */
const EXTRACT = ['extract', PHOTOS, '-m', 'random', '-l', 'conv1_2', '-j', '2', '--threads', '2'];

const SAMPLE_MS = 20;

const GIB_IN_KIB = 2 ** 20;

/** Address space above that of a run with small batches, in KiB: for batches of some tens. */
const ROOM_KIB = 1.5 * GIB_IN_KIB;

/** Runs with so many KiB of address space. */
function within(kib: number, args: readonly string[]): Running {
  const command = `ulimit -v ${Math.round(kib)}; exec "$@"`;
  return startProgram('sh', ['-c', command, 'sh', process.execPath, PROGRAM, ...args], { input: '' });
}

/** Runs with a limit that is none, and gives the largest address space that it had, in KiB. */
async function addressSpace(args: readonly string[]): Promise<number> {
  const run = within(1024 * GIB_IN_KIB, args);
  let peak = 0;
  const sampling = setInterval(() => {
    try {
      const text = readFileSync(`/proc/${run.child.pid}/status`, 'utf8');
      peak = Math.max(peak, Number(/^VmPeak:\s+(\d+) kB$/m.exec(text)?.[1] ?? 0));
    } catch {
      // It has ended.
    }
  }, SAMPLE_MS);
  const { code, stderr } = await run.done;
  clearInterval(sampling);
  expect(code, stderr).toBe(0);
  return peak;
}

describe.skipIf(!existsSync('/proc/self/limits'))('when memory runs out', () => {
  it('batches shrink, and the rows are the same', async () => {
    const folder = temporaryFolder();
    const [whole, small] = [join(folder, 'whole.npy'), join(folder, 'small.npy')];
    const needed = await addressSpace([...EXTRACT, '-b', '2', '-o', whole]);
    expect(needed).toBeGreaterThan(0);

    const { code, stderr } = await within(needed + ROOM_KIB, [...EXTRACT, '-b', '256', '-o', small]).done;
    expect(code, stderr).toBe(0);
    expect(stderr.match(/There was no memory for batches of 256: going on with \d+\./g)).toHaveLength(1);
    expect(readFileSync(small).equals(readFileSync(whole))).toBe(true);

    const { settings, counts } = readJson<{
      settings: { batchSize: number; chosen: Record<string, string> };
      counts: { ok: number };
    }>(`${small}.run.json`);
    expect(counts.ok).toBe(PHOTO_NAMES.length);
    expect(stderr).toContain(`going on with ${settings.batchSize}.`);
    expect(settings.batchSize).toBeLessThan(128);
    expect(settings.chosen).toEqual({ batchSize: 'out of memory' });
  });

  it('no addresses are spent on WebAssembly, whose memory takes 10 GB of them, and the rows are the same', async () => {
    const folder = temporaryFolder();
    const [ample, scarce] = [join(folder, 'ample.csv'), join(folder, 'scarce.csv')];
    const classify = ['classify', PHOTOS, '-m', 'mini', '-b', '2', '--threads', '2', '-q', '-o'];
    const whole = await start([...classify, ample], { input: '' }).done;
    expect(whole.code, whole.stderr).toBe(0);
    expect(await addressSpace([...classify, scarce])).toBeLessThan(8 * GIB_IN_KIB);
    expect(readFileSync(scarce, 'utf8')).toBe(readFileSync(ample, 'utf8'));
  });
});
