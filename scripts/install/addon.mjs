/** tfjs-node's addon, compiled against TensorFlow's libraries. */

import { mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { packageHint } from './platform.mjs';
import { again, InstallError, lastLines, run, throwIfDiskFull } from './process.mjs';

const require = createRequire(import.meta.url);
const here = dirname(fileURLToPath(import.meta.url));

/** The addon inside a runtime folder; the same place as in tfjs-node's. */
export const ADDON = join('lib', 'napi-v8', 'tfjs_binding.node');

/** tfjs-node's package folder, wherever npm put it. */
export function tfjsNodeFolder() {
  return dirname(require.resolve('@tensorflow/tfjs-node/package.json'));
}

/** Whether npm has unpacked what the addon is made of. */
export function hasTfjsNode() {
  try {
    return Boolean(tfjsNodeFolder() && require.resolve('node-api-headers/package.json'));
  } catch {
    return false;
  }
}

/** Compiles tfjs-node's binding (its own sources, unchanged) in `work`; returns the compiler's version. */
export async function compileAddon(work, platform, say) {
  const compiler = await findCompiler();
  say(`compiling tfjs-node's addon with ${compiler.version}`);
  const sources = join(tfjsNodeFolder(), 'binding');
  const libraries = join(work, 'deps', 'lib');
  const mute = join(libraries, platform.mute);
  mkdirSync(dirname(join(work, ADDON)), { recursive: true });
  const flags = ['-std=c++17', '-O2', '-fPIC', '-shared', '-w'];
  const includes = [require('node-api-headers').include_dir, join(work, 'tensorflow', 'include'), dirname(sources)];
  const commands = [
    [...flags, join(here, 'mute.cc'), ...platform.soname(platform.mute), '-o', mute],
    [
      ...flags,
      '-DNAPI_VERSION=8',
      ...includes.map((folder) => `-I${folder}`),
      ...['tfjs_backend.cc', 'tfjs_binding.cc'].map((name) => join(sources, name)),
      join(here, 'quiet.cc'),
      ...platform.libraries.map((name) => join(libraries, name)),
      mute, // last, so that it is initialised first
      ...platform.linker,
      '-o',
      join(work, ADDON),
    ],
  ];
  for (const args of commands) {
    const { code, output } = await run(compiler.command, args);
    if (code !== 0) {
      throwIfDiskFull(output);
      throw new InstallError(
        `The addon could not be compiled with ${compiler.version}: ${lastLines(output)}`,
        `${again('CXX=/path/to/another/c++')}   (C++17: GCC 9 or Clang 10, or newer)`,
      );
    }
  }
  return compiler.version;
}

/** CXX, else the first of the usual names that runs. */
async function findCompiler() {
  const candidates = process.env.CXX ? [process.env.CXX] : ['c++', 'g++', 'clang++'];
  for (const command of candidates) {
    const { code, output } = await run(command, ['--version']);
    if (code === 0) return { command, version: output.split('\n', 1)[0] };
  }
  throw new InstallError(
    `Expected a C++ compiler (${candidates.join(', ')}) on the PATH but none runs.`,
    packageHint('g++', 'xcode-select --install'),
  );
}
