/**
 * TensorFlow for tfjs-node, once per user and version: from the wheel, with tfjs-node's addon compiled against it.
 *
 * Everything is made in a temporary folder of this process's own and becomes visible by one rename, so an interrupted
 * install leaves nothing half done, and of two at once the second finds the first one's.
 */

import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { homedir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { InstallError, TENSORFLOW_VERSION } from './platform.mjs';

const require = createRequire(import.meta.url);
const here = dirname(fileURLToPath(import.meta.url));

/** Raised when the recipe below changes, so that runtimes made by an older one are not used. */
const RECIPE = 1;

/** Temporary folders of dead installs are removed when they are older than this, in milliseconds. */
const STALE_MS = 6 * 3600 * 1000;

/** Lines of a failed command's output that are worth repeating. */
const ERROR_LINES = 3;

/** Folder for all that this tool caches; the same rule as the command line's. */
export function cacheFolder(env = process.env) {
  if (env.VGG16_CACHE_DIR) return env.VGG16_CACHE_DIR;
  if (env.XDG_CACHE_HOME) return join(env.XDG_CACHE_HOME, 'vgg16');
  return join(homedir(), process.platform === 'darwin' ? 'Library/Caches' : '.cache', 'vgg16');
}

/** tfjs-node's package folder, wherever npm put it. */
export function tfjsNodeFolder() {
  return dirname(require.resolve('@tensorflow/tfjs-node/package.json'));
}

/** Where the runtime for this machine lies once it is made. */
export function runtimeFolder(cache, platform) {
  const tfjs = require('@tensorflow/tfjs-node/package.json').version;
  return join(cache, 'runtime', `tensorflow-${TENSORFLOW_VERSION}-tfjs-${tfjs}-${platform.name}-r${RECIPE}`);
}

/** The addon inside a runtime folder; the same place as in tfjs-node's. */
export const ADDON = join('lib', 'napi-v8', 'tfjs_binding.node');

/** Returns the runtime's folder, making it first where it is missing. `say` takes one line of progress. */
export async function ensureRuntime({ cache, platform, say }) {
  const target = runtimeFolder(cache, platform);
  if (existsSync(join(target, 'runtime.json'))) return target;
  const parent = dirname(target);
  try {
    mkdirSync(parent, { recursive: true });
    removeStale(parent);
  } catch (error) {
    throw new InstallError(
      `The cache folder ${parent} cannot be written (${error.code}).`,
      'VGG16_CACHE_DIR=/another/folder npm rebuild vgg16',
    );
  }
  const work = mkdtempSync(join(parent, 'tmp-'));
  try {
    const wheel = await downloadWheel(parent, work, platform, say);
    await unpack(wheel, work, platform, target, say);
    const compiler = await compile(work, platform, say);
    const version = await run(process.execPath, ['-p', `require(${JSON.stringify(join(work, ADDON))}).TF_Version`]);
    if (version.code !== 0) {
      throw new InstallError(
        `The compiled addon does not load: ${lastLines(version.output)}.`,
        'VGG16_TENSORFLOW=official npm rebuild vgg16',
      );
    }
    for (const name of ['tensorflow', 'include']) rmSync(join(work, name), { recursive: true, force: true });
    const info = { route: 'wheel', tensorflow: version.output.trim(), compiler, wheel: basename(wheel) };
    writeFileSync(join(work, 'runtime.json'), `${JSON.stringify(info, null, 2)}\n`);
    publish(work, target);
    rmSync(wheel, { force: true });
    return target;
  } catch (error) {
    if (error.code === 'ENOSPC') {
      throw new InstallError(
        `No space left in ${parent}: TensorFlow needs about 1.5 GB while it is unpacked.`,
        'VGG16_CACHE_DIR=/another/folder npm rebuild vgg16',
      );
    }
    throw error;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function publish(work, target) {
  try {
    renameSync(work, target);
  } catch (error) {
    if (!existsSync(join(target, 'runtime.json'))) throw error; // otherwise another install was first
  }
}

function removeStale(parent) {
  for (const name of readdirSync(parent)) {
    const path = join(parent, name);
    if (name.startsWith('tmp-') && Date.now() - statSync(path).mtimeMs > STALE_MS)
      rmSync(path, { recursive: true, force: true });
  }
}

/** The wheel, kept beside the runtimes until one has been made of it, so that a failed compilation costs no second download. */
async function downloadWheel(parent, work, platform, say) {
  const kept = findWheel(parent, platform);
  if (kept !== undefined) return kept;
  say(`downloading ${platform.distribution} ${TENSORFLOW_VERSION} with pip (270 MB, once per user)`);
  const folder = join(work, 'download');
  const args = ['-m', 'pip', 'download', '--quiet', '--disable-pip-version-check', '--no-deps', '--only-binary=:all:'];
  const tags = platform.tags.flatMap((tag) => ['--platform', tag]);
  const wanted = `${platform.distribution}==${TENSORFLOW_VERSION}`;
  const { code, output } = await run('python3', [
    ...args,
    '--python-version',
    '3.11',
    ...tags,
    '--dest',
    folder,
    wanted,
  ]);
  if (code === 'ENOENT')
    throw new InstallError(
      'Python 3 was expected as python3 but is not on the PATH.',
      'apt-get install python3 python3-pip',
    );
  if (/No module named pip/.test(output))
    throw new InstallError('pip was expected in python3 but is not installed.', 'apt-get install python3-pip');
  const wheel = existsSync(folder) ? findWheel(folder, platform) : undefined;
  if (code !== 0 || wheel === undefined) {
    throw new InstallError(
      `pip could not download ${wanted}: ${lastLines(output)}`,
      `python3 -m pip download --no-deps ${wanted}   (to see why; behind a proxy set HTTPS_PROXY, for a mirror PIP_INDEX_URL)`,
    );
  }
  const path = join(parent, basename(wheel));
  renameSync(wheel, path);
  return path;
}

function findWheel(folder, platform) {
  const prefix = `${platform.distribution.replace('-', '_')}-${TENSORFLOW_VERSION}-`;
  const name = readdirSync(folder).find((file) => file.startsWith(prefix) && file.endsWith('.whl'));
  return name && join(folder, name);
}

/** Only the two libraries and the headers; the wheel's other 1.1 GB stay packed. */
const UNPACK = `
import sys, zipfile
wheel, folder, *names = sys.argv[1:]
with zipfile.ZipFile(wheel) as z:
    headers = ("tensorflow/include/tensorflow/c/", "tensorflow/include/tensorflow/core/platform/", "tensorflow/include/absl/", "tensorflow/include/xla/tsl/", "tensorflow/include/tsl/")
    z.extractall(folder, [n for n in z.namelist() if n.startswith(headers) or n in names])
`;

async function unpack(wheel, work, platform, target, say) {
  say('unpacking the libraries');
  const names = platform.libraries.map((name) => `tensorflow/${name}`);
  const { code, output } = await run('python3', ['-c', UNPACK, wheel, work, ...names]);
  if (code !== 0) {
    if (existsSync(join(target, 'runtime.json'))) return; // another install finished and removed the wheel
    if (/No space left/.test(output)) throw Object.assign(new Error(output), { code: 'ENOSPC' });
    rmSync(wheel, { force: true });
    throw new InstallError(`The downloaded wheel could not be unpacked: ${lastLines(output)}.`, 'npm rebuild vgg16');
  }
  mkdirSync(join(work, 'deps', 'lib'), { recursive: true });
  for (const name of platform.libraries) renameSync(join(work, 'tensorflow', name), join(work, 'deps', 'lib', name));
}

/** Compiles tfjs-node's binding (its own sources, unchanged) against the libraries; returns the compiler's version. */
async function compile(work, platform, say) {
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
      throw new InstallError(
        `The addon could not be compiled: ${lastLines(output)}`,
        'CXX=/path/to/another/compiler npm rebuild vgg16   (C++17: GCC 9 or Clang 10, or newer)',
      );
    }
  }
  return compiler.version;
}

async function findCompiler() {
  const candidates = process.env.CXX ? [process.env.CXX] : ['c++', 'g++', 'clang++'];
  for (const command of candidates) {
    const { code, output } = await run(command, ['--version']);
    if (code === 0) return { command, version: output.split('\n', 1)[0] };
  }
  throw new InstallError(
    `A C++ compiler was expected (${candidates.join(', ')}) but none runs.`,
    'apt-get install g++   (macOS: xcode-select --install; another compiler: CXX=…)',
  );
}

/** Runs a command to its end. `code` is the exit status, or 'ENOENT' when there is no such command. */
function run(command, args) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => {
        output += text;
      });
    }
    child.on('error', (error) => resolve({ code: error.code, output: error.message }));
    child.on('close', (code) => resolve({ code, output }));
  });
}

/** What a command said last that matters: errors first, without blank lines. */
export function lastLines(output) {
  const lines = output.split('\n').filter((line) => line.trim() !== '');
  const errors = lines.filter((line) => /error/i.test(line));
  return (errors.length > 0 ? errors : lines).slice(-ERROR_LINES).join(' / ').slice(0, 600);
}
