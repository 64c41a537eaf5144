import { existsSync, linkSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ODD, place, temporaryFolder } from './helpers/folder.js';
import { start } from './helpers/program.js';

/** The allocators' own caches still grow over the first ten thousand. */
const IMAGES = 40_000;

/** Largest growth of resident memory over the last half of the run, from its first fifth to its last. */
const GROWTH = 1.05;

const SAMPLE_MS = 250;

/** Resident memory in bytes; undefined once the process has ended. */
function residentBytes(pid: number): number | undefined {
  try {
    const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return kilobytes === undefined ? undefined : Number(kilobytes) * 1024;
  } catch {
    return undefined;
  }
}

describe('memory', () => {
  it.skipIf(!existsSync('/proc/self/status'))(`stays flat over ${IMAGES} images`, { timeout: 600_000 }, async () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, 'photos'));
    // Of each kind that takes another way through the decoder; links are files of their own to the program.
    const sources = ['orientation-1.jpg', 'orientation-6.jpg', 'grey.png', 'alpha.png', 'photo.webp'].map((name) =>
      place(join(folder, name), join(ODD, name)),
    );
    for (let i = 0; i < IMAGES; i += 1) {
      const source = sources[i % sources.length] as string;
      linkSync(
        source,
        join(folder, 'photos', `${String(i).padStart(5, '0')}-${source.slice(source.lastIndexOf('/') + 1)}`),
      );
    }
    const run = start(['classify', 'photos', '-m', 'mini', '-q', '--format', 'jsonl'], { cwd: folder });
    run.child.stdin.end();
    let rows = 0;
    run.child.stdout.on('data', (chunk: Buffer) => {
      for (const byte of chunk) if (byte === 0x0a) rows += 1;
    });
    const samples: { readonly rows: number; readonly bytes: number }[] = [];
    const sampling = setInterval(() => {
      const bytes = residentBytes(run.child.pid as number);
      if (bytes !== undefined) samples.push({ rows, bytes });
    }, SAMPLE_MS);
    const { code, stderr } = await run.done;
    clearInterval(sampling);
    expect(code, stderr).toBe(0);
    expect(rows).toBe(IMAGES);

    const lastHalf = samples.filter((sample) => sample.rows >= IMAGES / 2);
    expect(lastHalf.length).toBeGreaterThan(10);
    // A single sample may fall between a batch's allocation and its release: medians do not.
    const fifth = Math.ceil(lastHalf.length / 5);
    const [before, after] = [lastHalf.slice(0, fifth), lastHalf.slice(-fifth)].map((some) =>
      median(some.map(({ bytes }) => bytes)),
    ) as [number, number];
    const course = samples.map((sample) => `${sample.rows}: ${Math.round(sample.bytes / 1e6)} MB`).join(', ');
    expect(after / before, course).toBeLessThan(GROWTH);
  });
});

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] as number;
}
