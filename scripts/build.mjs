/** src/ → dist/, TypeScript and WebAssembly, and the manifest that lets `vgg16 --help` answer without loading a command. */

import { rmSync, writeFileSync } from 'node:fs';
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
writeFileSync(join(ROOT, 'dist', '.built'), '');
