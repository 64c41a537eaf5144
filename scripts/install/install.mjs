/** npm's postinstall: gives tfjs-node its native part. `VGG16_TENSORFLOW` chooses the route: wheel (default) or official. */

import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { InstallError, platform } from './platform.mjs';
import { ADDON, cacheFolder, ensureRuntime, lastLines, tfjsNodeFolder } from './runtime.mjs';

const say = (line) => process.stderr.write(`vgg16: ${line}\n`);

/** tfjs-node's own installer, which downloads libtensorflow 2.9.1 and a compiled addon. */
function installOfficial() {
  const folder = tfjsNodeFolder();
  for (const name of ['lib', 'deps']) rmSync(join(folder, name), { recursive: true, force: true });
  const { status } = spawnSync(process.execPath, ['scripts/install.js'], { cwd: folder, stdio: 'inherit' });
  if (status !== 0) {
    throw new InstallError("tfjs-node's own download failed.", 'VGG16_TENSORFLOW=wheel npm rebuild vgg16');
  }
}

/** Puts links to the runtime where tfjs-node looks for its native part. */
function link(runtime) {
  const folder = tfjsNodeFolder();
  for (const name of [ADDON, join('deps', 'lib')]) {
    const place = join(folder, name);
    mkdirSync(dirname(place), { recursive: true });
    rmSync(place, { recursive: true, force: true });
    symlinkSync(join(runtime, name), place);
  }
}

/** tfjs-node 4.22 calls a function that Node 23 removed. */
const CHECK = `
  require('util').isNullOrUndefined ??= (value) => value == null;
  const tf = require('@tensorflow/tfjs-node');
  process.exit(tf.matMul([[3]], [[14]]).dataSync()[0] === 42 ? 0 : 1);
`;

/** One small product through the whole stack, in a process of its own: a broken library must not take this one along. */
function check() {
  const cwd = tfjsNodeFolder();
  const { status, stderr } = spawnSync(process.execPath, ['-e', CHECK], { cwd, encoding: 'utf8' });
  if (status !== 0)
    throw new InstallError(`TensorFlow is installed but does not run: ${lastLines(stderr)}`, 'vgg16 doctor');
}

try {
  const route = process.env.VGG16_TENSORFLOW || 'wheel';
  if (route === 'official') {
    installOfficial();
  } else if (route === 'wheel') {
    const runtime = await ensureRuntime({ cache: cacheFolder(), platform: platform(), say });
    link(runtime);
    say(`TensorFlow ready (${runtime})`);
  } else {
    throw new InstallError(
      `Expected wheel or official for VGG16_TENSORFLOW but received ${route}.`,
      'VGG16_TENSORFLOW=wheel npm rebuild vgg16',
    );
  }
  check();
} catch (error) {
  if (!(error instanceof InstallError)) throw error;
  say(`${error.message}\n       Type: ${error.hint}`);
  process.exitCode = 1;
}
