/**
 * TensorFlow for tfjs-node, once per user and version: from the wheel, with tfjs-node's addon compiled against it.
 *
 * Everything is made in a temporary folder of this process's own and becomes visible by one rename, so an interrupted
 * install leaves nothing half done, and of two at once the second finds the first one's.
 */

import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { ADDON, compileAddon } from './addon.mjs';
import { TENSORFLOW_VERSION } from './platform.mjs';
import { again, endAll, InstallError, lastLines, run } from './process.mjs';
import { downloadWheel, unpackWheel } from './wheel.mjs';

const require = createRequire(import.meta.url);

/** Those that end an install, without traces. The commands that it runs do not get the terminal's own. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/** Raised when the recipe below changes, so that runtimes made by an older one are not used. */
const RECIPE = 2;

/** Temporary folders of killed installs are removed when they are older than this, in milliseconds. */
const STALE_MS = 6 * 3600 * 1000;

/** Where the runtime for this machine lies once it is made. */
export function runtimeFolder(cache, platform) {
  const tfjs = require('@tensorflow/tfjs-node/package.json').version;
  return join(cache, 'runtime', `tensorflow-${TENSORFLOW_VERSION}-tfjs-${tfjs}-${platform.name}-r${RECIPE}`);
}

const isMade = (folder) => existsSync(join(folder, 'runtime.json'));

/** Returns the runtime's folder, making it first where it is missing. `say` takes one line of progress. */
export async function ensureRuntime({ cache, platform, say }) {
  const target = runtimeFolder(cache, platform);
  if (isMade(target)) return target;
  const parent = dirname(target);
  const work = makeWorkFolder(parent);
  const stop = (_name, signal) => {
    endAll();
    rmSync(work, { recursive: true, force: true });
    process.exit(128 + signal);
  };
  for (const signal of SIGNALS) process.once(signal, stop);
  try {
    const wheel = await downloadWheel(parent, work, platform, say);
    await unpackWheel(wheel, work, platform, say);
    const compiler = await compileAddon(work, platform, say);
    const tensorflow = await loadAddon(join(work, ADDON));
    for (const name of ['tensorflow', 'download']) rmSync(join(work, name), { recursive: true, force: true });
    const info = { route: 'wheel', tensorflow, compiler, wheel: basename(wheel), key: basename(target) };
    writeFileSync(join(work, 'runtime.json'), `${JSON.stringify(info, null, 2)}\n`);
    publish(work, target);
    rmSync(wheel, { force: true });
  } catch (error) {
    if (isMade(target)) return target; // another install was first, and removed the wheel under this one's hands
    if (error.code !== 'ENOSPC' && error.code !== 'EDQUOT') throw error;
    throw new InstallError(
      `No space left in ${parent}: TensorFlow needs about 1.5 GB while it is unpacked.`,
      again('VGG16_CACHE_DIR=/another/folder'),
    );
  } finally {
    for (const signal of SIGNALS) process.off(signal, stop);
    rmSync(work, { recursive: true, force: true });
  }
  return target;
}

function makeWorkFolder(parent) {
  try {
    mkdirSync(parent, { recursive: true });
    removeStale(parent);
    return mkdtempSync(join(parent, 'tmp-'));
  } catch (error) {
    throw new InstallError(
      `The cache folder ${parent} was expected to be writable but is not (${error.code}).`,
      again('VGG16_CACHE_DIR=/another/folder'),
    );
  }
}

function removeStale(parent) {
  for (const name of readdirSync(parent)) {
    const path = join(parent, name);
    const age = Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
    if (name.startsWith('tmp-') && age > STALE_MS) rmSync(path, { recursive: true, force: true });
  }
}

/** TensorFlow's version, out of the addon, in a process of its own: a broken library must not take this one along. */
async function loadAddon(addon) {
  const { code, output } = await run(process.execPath, ['-p', `require(${JSON.stringify(addon)}).TF_Version`]);
  if (code !== 0) {
    throw new InstallError(
      `The compiled addon does not load: ${lastLines(output)}`,
      `${again('CXX=/path/to/another/c++')}   (or VGG16_TENSORFLOW=official)`,
    );
  }
  return output.trim();
}

function publish(work, target) {
  chmodSync(work, 0o755); // mkdtemp makes folders that nobody else can read, and images are built by another user
  try {
    renameSync(work, target);
  } catch (error) {
    if (isMade(target)) return; // another install was first
    if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
    rmSync(target, { recursive: true, force: true }); // a folder that something else has emptied
    renameSync(work, target);
  }
}
