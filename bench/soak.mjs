/**
 * Peak memory and speed over many images, and prints a Markdown table.
 *
 *     node bench/soak.mjs [--images N,M,…] [--command classify|extract|export]
 *
 * The tool's own sample photographs under as many names as it takes (hard links), with `mini`, which is fast enough that
 * a hundred thousand take minutes.
 */

import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { fillFolder } from './lib/photos.mjs';
import { markdownTable } from './lib/table.mjs';

const PROGRAM = fileURLToPath(new URL('../bin/run.js', import.meta.url));
const SAMPLES = fileURLToPath(new URL('../fixtures/images', import.meta.url));

/** Between two looks at the process's memory. */
const SAMPLE_MS = 200;

const { values: flags } = parseArgs({
  options: { images: { type: 'string', default: '10000,100000' }, command: { type: 'string', default: 'extract' } },
});
const OUTPUTS = { classify: 'labels.csv', extract: 'fc7.npy', export: 'dataset' };

const scratch = await mkdtemp(join(tmpdir(), 'vgg16-soak-'));
try {
  const rows = [];
  let first;
  for (const count of flags.images.split(',').map(Number)) {
    const folder = join(scratch, `photos-${count}`);
    await fillFolder(SAMPLES, folder, count);
    const output = join(scratch, `${count}-${OUTPUTS[flags.command]}`);
    const peak = await peakMemory([flags.command, folder, '-m', 'mini', '-q', '-o', output]);
    const record = flags.command === 'export' ? join(output, 'run.json') : `${output}.run.json`;
    const { counts, imagesPerSecond } = JSON.parse(await readFile(record, 'utf8'));
    first ??= peak;
    rows.push([
      counts.seen.toLocaleString('en-US'),
      Math.round(imagesPerSecond),
      Math.round(peak / 1e6),
      (peak / first).toFixed(3),
    ]);
    console.error(rows.at(-1).join(' | '));
    await rm(folder, { recursive: true });
    await rm(output, { recursive: true });
  }
  console.log(markdownTable(['images', 'img/s', 'peak memory, MB', '÷ first'], rows));
} finally {
  await rm(scratch, { recursive: true, force: true });
}

/** The largest resident memory of a run, in bytes. */
async function peakMemory(words) {
  const child = spawn(PROGRAM, words, { stdio: ['ignore', 'ignore', 'inherit'] });
  let peak = 0;
  const timer = setInterval(() => {
    try {
      const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
      peak = Math.max(peak, Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024);
    } catch {
      // It has ended.
    }
  }, SAMPLE_MS);
  const code = await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', resolve);
  });
  clearInterval(timer);
  if (code !== 0) throw new Error(`vgg16 ${words.join(' ')} ended with ${code}.`);
  return peak;
}
