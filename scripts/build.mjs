/** src/ → dist/, TypeScript and WebAssembly, and the manifest that lets `vgg16 --help` answer without loading a command. */

import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bin, must, ROOT } from './steps.mjs';

rmSync(join(ROOT, 'dist'), { recursive: true, force: true });
must(bin('tsc'), ['-p', 'tsconfig.json']);
const assembly = ['-O3', '--enable', 'simd', '--runtime', 'stub', '--importMemory', '--noExportMemory'];
must(bin('asc'), [
  'src/images/pixels/resample/assembly/resample.ts',
  ...assembly,
  '--outFile',
  'dist/images/pixels/resample/resample.wasm',
]);
must(bin('oclif'), ['manifest']);
sortManifest(join(ROOT, '.oclif.manifest.json'));
writeFileSync(join(ROOT, 'dist', '.built'), '');

/** oclif writes the commands in the order in which it has loaded them, which a busy machine changes. */
function sortManifest(file) {
  const manifest = JSON.parse(readFileSync(file, 'utf8'));
  const commands = Object.fromEntries(Object.entries(manifest.commands).sort(([a], [b]) => (a < b ? -1 : 1)));
  writeFileSync(file, JSON.stringify({ ...manifest, commands }, null, 2));
}
