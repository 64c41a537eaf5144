/**
 * The installer with stand-ins for python3 and c++ on the PATH, each noting its calls: no network, no 270 MB. What the
 * stand-in compiler makes is a real addon, so that loading it is tested too. That the true wheel and the true compiler
 * work is shown by every installation of this project.
 */

import { spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

const SCRIPTS = fileURLToPath(new URL('../../scripts/install/', import.meta.url));
const require = createRequire(import.meta.url);
const scratch = mkdtempSync(join(tmpdir(), 'vgg16-install-'));
const addon = join(scratch, 'addon.node');

/** An addon that exports TF_Version, as tfjs-node's does. */
const ADDON_SOURCE = `
#include <node_api.h>
static napi_value init(napi_env env, napi_value exports) {
  napi_value version;
  napi_create_string_utf8(env, "9.9.9", NAPI_AUTO_LENGTH, &version);
  napi_set_named_property(env, exports, "TF_Version", version);
  return exports;
}
NAPI_MODULE(fake, init)
`;

/** Downloads and unpacks a wheel as pip and zipfile would; waits where the test wants to be in between. */
const PYTHON = `#!/bin/sh
echo "$1 $2 $3" >> "$LOG"
if [ "$2" = pip ]; then
  while [ "$1" != --dest ]; do shift; done
  mkdir -p "$2"
  [ -z "$SLOW" ] || exec sleep 30
  : > "$2/tensorflow_cpu-2.21.0-cp311-cp311-manylinux_2_27_x86_64.whl"
else
  mkdir -p "$4/tensorflow/include"
  for name in "$5" "$6"; do : > "$4/$name"; done
fi
`;

/** Copies the ready-made addon to the place named last, after -o. */
const COMPILER = `#!/bin/sh
echo "c++ $1" >> "$LOG"
[ "$1" = --version ] && { echo "stand-in 1.0"; exit 0; }
[ -z "$BROKEN" ] || { echo "mute.cc:1: error: this compiler is too old" >&2; exit 1; }
for last; do :; done
cp "$ADDON" "$last"
`;

/** Only these and a few ordinary commands are on the PATH of the installer. */
function pathWith(commands: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(scratch, 'bin-'));
  for (const name of ['sh', 'mkdir', 'cp', 'sleep']) symlinkSync(`/bin/${name}`, join(folder, name));
  for (const [name, script] of Object.entries(commands)) {
    writeFileSync(join(folder, name), script);
    chmodSync(join(folder, name), 0o755);
  }
  return folder;
}

let cache = '';
let log = '';

beforeAll(() => {
  const source = join(scratch, 'addon.cc');
  writeFileSync(source, ADDON_SOURCE);
  const includes = `-I${require('node-api-headers').include_dir}`;
  const { status, stderr } = spawnSync(process.env.CXX ?? 'c++', ['-shared', '-fPIC', includes, source, '-o', addon], {
    encoding: 'utf8',
  });
  expect(stderr).toBe('');
  expect(status).toBe(0);
});

beforeEach(() => {
  cache = mkdtempSync(join(scratch, 'cache-'));
  log = join(cache, 'log');
});

afterAll(() => rmSync(scratch, { recursive: true, force: true }));

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Starts a Node process on the installer's code with `path` as its PATH. */
function start(args: readonly string[], path: string, env: NodeJS.ProcessEnv = {}) {
  const child = spawn(process.execPath, args, {
    env: { HOME: scratch, PATH: path, VGG16_CACHE_DIR: cache, LOG: log, ADDON: addon, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = new Promise<Ended>((resolve) => {
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (text) => {
      stdout += text;
    });
    child.stderr.on('data', (text) => {
      stderr += text;
    });
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
  return { child, ended };
}

/** The whole installer; for cases in which it fails before it touches node_modules. */
const install = (path: string, env?: NodeJS.ProcessEnv) => start([join(SCRIPTS, 'install.mjs')], path, env).ended;

/** The part that fills the cache; prints the folder. */
const MAKE = `
  import { ensureRuntime } from ${JSON.stringify(join(SCRIPTS, 'runtime.mjs'))};
  import { platform } from ${JSON.stringify(join(SCRIPTS, 'platform.mjs'))};
  const cache = process.env.VGG16_CACHE_DIR;
  try {
    console.log(await ensureRuntime({ cache, platform: platform('linux-x64', true), say: console.error }));
  } catch (error) {
    console.error(error.message);
    process.exitCode = 1;
  }
`;
const startMaking = (path: string, env?: NodeJS.ProcessEnv) =>
  start(['--input-type=module', '--eval', MAKE], path, env);
const make = (path: string, env?: NodeJS.ProcessEnv) => startMaking(path, env).ended;

const calls = (text: string) => (readFileSync(log, 'utf8').match(new RegExp(text, 'g')) ?? []).length;
const inCache = () => readdirSync(join(cache, 'runtime')).sort();

describe('what is missing', () => {
  /** The message and the command to type, and nothing else. */
  const twoLines = (message: RegExp) => new RegExp(`^(vgg16: downloading.*\n)?vgg16: ${message.source}\n +Type: .+\n$`);

  it.each([
    ['python3', {}, /Expected python3 on the PATH but there is none\./],
    [
      'pip',
      { python3: '#!/bin/sh\necho "/usr/bin/python3: No module named pip" >&2\nexit 1\n' },
      /Expected pip in python3 but it is not installed\./,
    ],
    [
      'the network',
      { python3: '#!/bin/sh\necho "ERROR: Could not find a version" >&2\nexit 1\n' },
      /pip could not download tensorflow\S*==2\.21\.0: ERROR: Could not find a version/,
    ],
    [
      'room on the disk',
      { python3: '#!/bin/sh\necho "OSError: [Errno 28] No space left on device" >&2\nexit 1\n' },
      /No space left in .*: TensorFlow needs about 1\.5 GB.*/,
    ],
    ['pip, killed', { python3: '#!/bin/sh\nkill -9 $$\n' }, /pip could not download .*: it ended with SIGKILL/],
  ])('%s: one sentence and the command to type, exit 1, nothing left behind', async (_name, commands, message) => {
    const { code, stdout, stderr } = await install(pathWith(commands));
    expect(stderr).toMatch(twoLines(message));
    expect(stdout).toBe('');
    expect(code).toBe(1);
    expect(inCache()).toEqual([]);
  });

  it('the network, with the true pip', async () => {
    const { code, stderr } = await install(process.env.PATH ?? '', {
      ...{ PIP_INDEX_URL: 'http://127.0.0.1:9', PIP_NO_INDEX: '0', PIP_FIND_LINKS: '', PIP_RETRIES: '0' },
      PIP_CONFIG_FILE: '/dev/null',
    });
    expect(stderr).toMatch(twoLines(/pip could not download tensorflow\S*==2\.21\.0: .*/));
    expect(code).toBe(1);
  });

  it('a compiler: named, with how to get one', async () => {
    const { code, stderr } = await make(pathWith({ python3: PYTHON }));
    expect(stderr).toContain('Expected a C++ compiler (c++, g++, clang++) on the PATH but none runs.');
    expect(code).toBe(1);
  });

  it('the compiler that CXX names', async () => {
    const { code, stderr } = await make(pathWith({ python3: PYTHON, 'c++': COMPILER }), { CXX: 'my-c++' });
    expect(stderr).toContain('Expected a C++ compiler (my-c++) on the PATH but none runs.');
    expect(code).toBe(1);
  });

  it('a cache folder that can be made', async () => {
    writeFileSync(join(cache, 'file'), '');
    const { code, stderr } = await install(pathWith({}), { VGG16_CACHE_DIR: join(cache, 'file') });
    expect(stderr).toMatch(twoLines(/The cache folder .* was expected to be writable but is not \(\w+\)\./));
    expect(code).toBe(1);
  });

  it('a route that exists', async () => {
    const { code, stderr } = await install(pathWith({}), { VGG16_TENSORFLOW: 'gpu' });
    expect(stderr).toMatch(twoLines(/Expected wheel or official for VGG16_TENSORFLOW but received "gpu"\./));
    expect(code).toBe(1);
  });
});

describe('the runtime in the cache', () => {
  const tools = () => pathWith({ python3: PYTHON, 'c++': COMPILER });

  it('is made once and then found', async () => {
    const path = tools();
    const first = await make(path);
    expect(first.stderr).toMatch(/^downloading .*\nunpacking .*\ncompiling tfjs-node's addon with stand-in 1\.0\n$/);
    const folder = first.stdout.trim();
    expect(inCache()).toEqual([folder.split('/').at(-1)]);
    expect(readdirSync(join(folder, 'deps', 'lib')).sort()).toEqual([
      'libtensorflow_cc.so.2',
      'libtensorflow_framework.so.2',
      'libvgg16_mute.so',
    ]);
    expect(JSON.parse(readFileSync(join(folder, 'runtime.json'), 'utf8'))).toMatchObject({
      route: 'wheel',
      tensorflow: '9.9.9',
      compiler: 'stand-in 1.0',
    });
    expect(await make(pathWith({}))).toEqual({ code: 0, stdout: first.stdout, stderr: '' });
  });

  it('is one, and whole, when several installs run at once', async () => {
    const path = tools();
    const both = await Promise.all([make(path), make(path), make(path)]);
    expect(both.map(({ code }) => code)).toEqual([0, 0, 0]);
    expect(new Set(both.map(({ stdout }) => stdout)).size).toBe(1);
    expect(inCache()).toHaveLength(1);
    expect(existsSync(join(both[0]?.stdout.trim() ?? '', 'lib', 'napi-v8', 'tfjs_binding.node'))).toBe(true);
  });

  it('keeps the wheel when the compilation fails: the next try does not download it again', async () => {
    const path = tools();
    const failed = await make(path, { BROKEN: '1' });
    expect(failed.stderr).toContain(
      'The addon could not be compiled with stand-in 1.0: mute.cc:1: error: this compiler',
    );
    expect(failed.code).toBe(1);
    expect(inCache()).toEqual(['tensorflow_cpu-2.21.0-cp311-cp311-manylinux_2_27_x86_64.whl']);
    expect((await make(path)).code).toBe(0);
    expect(calls('pip download')).toBe(1);
    expect(inCache()).toEqual([expect.stringMatching(/^tensorflow-2\.21\.0-tfjs-/)]);
  });

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const)('is left without traces by %s, and made by the next install', async (signal, code) => {
    const path = tools();
    const { child, ended } = startMaking(path, { SLOW: '1' });
    await until(() => existsSync(join(cache, 'runtime')) && existsSync(log));
    child.kill(signal);
    expect((await ended).code).toBe(code);
    expect(inCache()).toEqual([]);
    expect((await make(path)).code).toBe(0);
  });

  it('clears up after killed installs once they are old, not before', async () => {
    const [old, fresh] = ['tmp-old', 'tmp-new'].map((name) => join(cache, 'runtime', name)) as [string, string];
    for (const folder of [old, fresh]) mkdirSync(folder, { recursive: true });
    const sevenHoursAgo = Date.now() / 1000 - 7 * 3600;
    utimesSync(old, sevenHoursAgo, sevenHoursAgo);
    expect((await make(tools())).code).toBe(0);
    expect(existsSync(old)).toBe(false);
    expect(existsSync(fresh)).toBe(true);
  });

  it('replaces what something else has damaged', async () => {
    const path = tools();
    const folder = (await make(path)).stdout.trim();
    rmSync(join(folder, 'runtime.json'));
    expect((await make(path)).stdout.trim()).toBe(folder);
    expect(existsSync(join(folder, 'runtime.json'))).toBe(true);
  });
});

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 20));
}
