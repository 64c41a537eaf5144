/**
 * Time and memory of importing full-size files, and prints a Markdown table.
 *
 *     node bench/import.mjs [--python PATH] [--files FOLDER]
 *
 * PyTorch, Keras and PyTorch's ONNX exporter write the full-size network (fixtures/formats/make_full_size.py), or FOLDER has
 * such files; `vgg16 model import` reads each. Memory is the process's peak without the 553 MB of the weights.
 */

import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { machine } from './lib/machine.mjs';
import { markdownTable } from './lib/table.mjs';

const PROGRAM = fileURLToPath(new URL('../bin/run.js', import.meta.url));
const SCRIPT = fileURLToPath(new URL('../fixtures/formats/make_full_size.py', import.meta.url));

/** Bytes of the weights as float32. */
const WEIGHTS = 553_430_176;

/** Between two looks at the process's memory. */
const SAMPLE_MS = 20;

const { values: flags } = parseArgs({
  options: {
    python: { type: 'string', default: join(homedir(), '.cache/vgg16-test/frameworks/bin/python') },
    files: { type: 'string' },
  },
});

const scratch = await mkdtemp(join(tmpdir(), 'vgg16-bench-'));
try {
  const folder = flags.files ?? join(scratch, 'files');
  await mkdir(folder, { recursive: true });
  if (flags.files === undefined) await run(flags.python, [SCRIPT, folder]);
  const names = (await readdir(folder)).filter((name) => /\.(pth|onnx|h5|keras)$/.test(name)).sort();
  const rows = [];
  for (const name of names) {
    const { seconds, peak } = await run(process.execPath, [
      PROGRAM,
      ...['model', 'import', join(folder, name), '-o', join(scratch, 'out.safetensors'), '--force', '-q'],
    ]);
    const above = (peak - WEIGHTS) / 1e6;
    rows.push([name, seconds.toFixed(1), (peak / 1e6).toFixed(0), above.toFixed(0)]);
    console.error(rows.at(-1).join(' | '));
  }
  console.log(`${(await machine()).cpu}, full-size network, 553 MB a file\n`);
  console.log(markdownTable(['file', 's', 'peak memory, MB', 'above the weights, MB'], rows));
} finally {
  await rm(scratch, { recursive: true, force: true });
}

/** Seconds and the peak resident memory in bytes. */
function run(command, args) {
  const start = performance.now();
  const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  let peak = 0;
  const timer = setInterval(() => {
    try {
      const [, kilobytes] = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8')) ?? [];
      peak = Math.max(peak, Number(kilobytes ?? 0) * 1024);
    } catch {
      // It has ended.
    }
  }, SAMPLE_MS);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      clearInterval(timer);
      if (code === 0) resolve({ seconds: (performance.now() - start) / 1000, peak });
      else reject(new Error(`${command} ${args.join(' ')} ended with ${code}`));
    });
  });
}
