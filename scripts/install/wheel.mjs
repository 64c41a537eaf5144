/** TensorFlow's libraries and headers, out of its Python wheel. */

import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { packageHint, TENSORFLOW_VERSION } from './platform.mjs';
import { again, InstallError, lastLines, run, throwIfDiskFull } from './process.mjs';

/**
 * Downloads the wheel with pip, which knows the user's proxies, mirrors and certificates. It is kept in `parent` until a
 * runtime has been made of it, so that a failed compilation costs no second download.
 */
export async function downloadWheel(parent, work, platform, say) {
  const kept = findWheel(parent, platform);
  if (kept !== undefined) return kept;
  const wanted = `${platform.distribution}==${TENSORFLOW_VERSION}`;
  say(`downloading ${wanted} with pip (${platform.megabytes} MB, once per user)`);
  const folder = join(work, 'download');
  const { code, output } = await run(
    'python3',
    [
      ...['-m', 'pip', 'download', '--quiet', '--disable-pip-version-check', '--no-deps', '--only-binary=:all:'],
      ...['--python-version', '3.11', ...platform.tags.flatMap((tag) => ['--platform', tag])],
      ...['--dest', folder, wanted],
    ],
    { ...process.env, TMPDIR: work }, // pip would fill /tmp, often small, and leave it full when it is killed
  );
  if (code === 'ENOENT') {
    throw new InstallError('Expected python3 on the PATH but there is none.', packageHint('python3 python3-pip'));
  }
  if (/No module named '?pip/.test(output)) {
    throw new InstallError('Expected pip in python3 but it is not installed.', packageHint('python3-pip'));
  }
  throwIfDiskFull(output);
  const wheel = existsSync(folder) ? findWheel(folder, platform) : undefined;
  if (code !== 0 || wheel === undefined) {
    throw new InstallError(
      `pip could not download ${wanted}: ${lastLines(output)}`,
      `${again()}   (again, with a network; behind a proxy first: export HTTPS_PROXY=…; for a mirror: export PIP_INDEX_URL=…)`,
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

/** Only the libraries and the headers that the addon needs; the wheel's other gigabyte stays packed. */
const UNPACK = `
import sys, zipfile
wheel, folder, *names = sys.argv[1:]
with zipfile.ZipFile(wheel) as z:
    headers = ("tensorflow/include/tensorflow/c/", "tensorflow/include/tensorflow/core/platform/", "tensorflow/include/absl/", "tensorflow/include/xla/tsl/", "tensorflow/include/tsl/")
    z.extractall(folder, [n for n in z.namelist() if n.startswith(headers) or n in names])
`;

/** Unpacks into `work`: headers in tensorflow/include, libraries in deps/lib. A damaged wheel is removed. */
export async function unpackWheel(wheel, work, platform, say) {
  say('unpacking the libraries');
  const names = platform.libraries.map((name) => `tensorflow/${name}`);
  const { code, output } = await run('python3', ['-c', UNPACK, wheel, work, ...names]);
  if (code !== 0) {
    throwIfDiskFull(output);
    rmSync(wheel, { force: true });
    throw new InstallError(`The downloaded wheel could not be unpacked: ${lastLines(output)}.`, again());
  }
  mkdirSync(join(work, 'deps', 'lib'), { recursive: true });
  for (const name of platform.libraries) renameSync(join(work, 'tensorflow', name), join(work, 'deps', 'lib', name));
}
