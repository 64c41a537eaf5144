/** src/ → dist/, and the manifest that lets `vgg16 --help` answer without loading a command. */

import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bin, must, ROOT } from './steps.mjs';

rmSync(join(ROOT, 'dist'), { recursive: true, force: true });
must(bin('tsc'), ['-p', 'tsconfig.json']);
must(bin('oclif'), ['manifest']);
writeFileSync(join(ROOT, 'dist', '.built'), '');
