/** npm's postinstall: gives tfjs-node its native part. `VGG16_TENSORFLOW` chooses the route: wheel (default) or official. */

import { spawnSync } from 'node:child_process';
import { lstatSync, mkdirSync, readlinkSync, rmSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ADDON, tfjsNodeFolder } from './addon.mjs';
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
  const runtime = await ensureRuntime({ cache: cacheFolder(), platform: platform(), say });
  link(runtime);
  say(`TensorFlow ready in ${((performance.now() - began) / 1000).toFixed(1)} s (${runtime})`);
}

/** Puts links to the runtime where tfjs-node looks for its native part. */
function link(runtime) {
  const folder = tfjsNodeFolder();
  for (const name of [ADDON, join('deps', 'lib')]) {
    const place = join(folder, name);
    const target = join(runtime, name);
    if (lstatSync(place, { throwIfNoEntry: false })?.isSymbolicLink() && readlinkSync(place) === target) continue;
    mkdirSync(dirname(place), { recursive: true });
    rmSync(place, { recursive: true, force: true });
    symlinkSync(target, place);
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
  await install();
} catch (error) {
  const hint = error instanceof InstallError ? error.hint : again();
  say(`${error.message}\n       Type: ${hint}`);
  process.exitCode = 1;
}
