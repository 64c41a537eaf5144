/**
 * Gives tfjs-node its native part. `VGG16_TENSORFLOW` chooses the route: wheel (default) or official.
 *
 * npm runs it twice: as `preinstall` (`--before`), so that tfjs-node's own install script finds everything in place and
 * downloads nothing, and as `postinstall`, for the cases in which the packages were not there yet or npm skipped that.
 */

import { spawnSync } from 'node:child_process';
import { existsSync, lstatSync, mkdirSync, readdirSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ADDON, hasTfjsNode, tfjsNodeFolder } from './addon.mjs';
import { cacheFolder } from './cache.mjs';
import { platform } from './platform.mjs';
import { again, InstallError, lastLines, run } from './process.mjs';
import { ensureRuntime } from './runtime.mjs';

const say = (line) => process.stderr.write(`vgg16: ${line}\n`);

/** tfjs-node's own installer, which downloads libtensorflow and a compiled addon; nothing where they are there and work. */
async function installOfficial() {
  const folder = tfjsNodeFolder();
  const isOwn = lstatSync(join(folder, ADDON), { throwIfNoEntry: false })?.isFile() === true;
  if (isOwn && (await check()).code === 0) return;
  for (const name of ['lib', 'deps']) rmSync(join(folder, name), { recursive: true, force: true });
  const { status } = spawnSync(process.execPath, ['scripts/install.js'], { cwd: folder, stdio: 'inherit' });
  if (status !== 0) throw new InstallError("tfjs-node's own download failed.", again('VGG16_TENSORFLOW=wheel'));
}

async function installWheel() {
  const began = performance.now();
  const wanted = platform();
  const runtime = await ensureRuntime({ cache: cacheFolder(), platform: wanted, say });
  if (!isLinked(runtime)) link(runtime, wanted);
  say(`TensorFlow ready in ${((performance.now() - began) / 1000).toFixed(1)} s (${runtime})`);
}

function isLinked(runtime) {
  const addon = join(tfjsNodeFolder(), ADDON);
  return existsSync(addon) && realpathSync(addon) === realpathSync(join(runtime, ADDON));
}

/**
 * Puts links to the runtime where tfjs-node looks for its native part. tfjs-node's own install script, which npm may run
 * after this, downloads nothing when it finds the addon and a library of the name that it would download.
 */
function link(runtime, { official, libraries }) {
  const folder = tfjsNodeFolder();
  const libs = join('deps', 'lib');
  const links = [ADDON, ...readdirSync(join(runtime, libs)).map((name) => join(libs, name))].map((name) => [
    name,
    name,
  ]);
  for (const name of ['lib', 'deps']) rmSync(join(folder, name), { recursive: true, force: true });
  for (const [place, target] of [...links, [join(libs, official), join(libs, libraries[0])]]) {
    mkdirSync(dirname(join(folder, place)), { recursive: true });
    symlinkSync(join(runtime, target), join(folder, place));
  }
}

/** One small product through the whole stack. */
function check() {
  return run(process.execPath, [fileURLToPath(new URL('check.mjs', import.meta.url))]);
}

async function install(route = process.env.VGG16_TENSORFLOW || 'wheel') {
  if (route === 'official') await installOfficial();
  else if (route === 'wheel') await installWheel();
  else {
    throw new InstallError(
      `Expected wheel or official for VGG16_TENSORFLOW but received ${JSON.stringify(route)}.`,
      again('VGG16_TENSORFLOW=wheel'),
    );
  }
  const { code, output } = await check();
  if (code !== 0) {
    const other = route === 'wheel' ? 'official' : 'wheel';
    throw new InstallError(
      `TensorFlow is installed but does not run: ${lastLines(output)}`,
      again(`VGG16_TENSORFLOW=${other}`),
    );
  }
}

try {
  const before = process.argv.includes('--before');
  if (!before || (hasTfjsNode() && process.env.VGG16_TENSORFLOW !== 'official')) await install();
} catch (error) {
  const hint = error instanceof InstallError ? error.hint : again();
  say(`${error.message}\n       Type: ${hint}`);
  process.exitCode = 1;
}
