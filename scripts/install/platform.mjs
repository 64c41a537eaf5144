/** What differs from one operating system and processor to the next. */

import { existsSync } from 'node:fs';
import { again, InstallError } from './process.mjs';

/** TensorFlow's release that the addon is compiled against. */
export const TENSORFLOW_VERSION = '2.21.0';

const soname = (name) => [`-Wl,-soname,${name}`];
const installName = (name) => [`-Wl,-install_name,@rpath/${name}`];

const LINUX = {
  official: 'libtensorflow.so.2.9.1',
  libraries: ['libtensorflow_cc.so.2', 'libtensorflow_framework.so.2'],
  mute: 'libvgg16_mute.so',
  soname,
  linker: ['-Wl,-rpath,$ORIGIN/../../deps/lib'],
};

/**
 * The wheel that holds the libraries, by `process.platform-process.arch`. Any Python's wheel has the same libraries;
 * 3.11's is taken. `official` is the library that tfjs-node would download. Only linux-x64 has been built and run by the project's own tests.
 */
const PLATFORMS = {
  'linux-x64': { ...LINUX, distribution: 'tensorflow-cpu', tags: ['manylinux_2_27_x86_64'], megabytes: 276 },
  'linux-arm64': { ...LINUX, distribution: 'tensorflow', tags: ['manylinux_2_27_aarch64'], megabytes: 282 },
  'darwin-arm64': {
    distribution: 'tensorflow',
    tags: ['macosx_12_0_arm64'],
    megabytes: 223,
    official: 'libtensorflow.dylib',
    libraries: ['libtensorflow_cc.2.dylib', 'libtensorflow_framework.2.dylib'],
    mute: 'libvgg16_mute.dylib',
    soname: installName,
    linker: ['-undefined', 'dynamic_lookup', '-Wl,-rpath,@loader_path/../../deps/lib'],
  },
};

/** Throws an InstallError where no wheel is known. */
export function platform(name = `${process.platform}-${process.arch}`, glibc = hasGlibc()) {
  const found = PLATFORMS[name];
  if (found === undefined) {
    throw new InstallError(
      `No TensorFlow wheel is known for ${name} (known: ${Object.keys(PLATFORMS).join(', ')}).`,
      again('VGG16_TENSORFLOW=official'),
    );
  }
  if (name.startsWith('linux') && !glibc) {
    throw new InstallError(
      'Expected a Linux with glibc but this one has another C library (Alpine has musl), which TensorFlow does not run on.',
      'docker run node:22-slim   (or any other image with glibc)',
    );
  }
  return { name, ...found };
}

function hasGlibc() {
  return process.report.getReport().header.glibcVersionRuntime !== undefined;
}

/** The command that installs the named Debian packages, in words where another package manager is in use. */
export function packageHint(debian, macos = `brew install ${debian.split(' ')[0]}`) {
  if (process.platform === 'darwin') return macos;
  if (existsSync('/usr/bin/apt-get')) {
    return `${process.getuid?.() === 0 ? '' : 'sudo '}apt-get install --yes ${debian}`;
  }
  if (existsSync('/usr/bin/dnf')) return `sudo dnf install ${debian.replace('g++', 'gcc-c++')}`;
  return `your package manager's install command for ${debian}`;
}
