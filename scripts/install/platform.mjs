/** What differs from one operating system and processor to the next. */

/** TensorFlow's release that the addon is compiled against. */
export const TENSORFLOW_VERSION = '2.21.0';

const soname = (name) => [`-Wl,-soname,${name}`];
const installName = (name) => [`-Wl,-install_name,@rpath/${name}`];

/**
 * The wheel that holds the libraries, by `process.platform-process.arch`. Any Python's wheel has the same libraries;
 * 3.11's is taken. Only linux-x64 has been built and run by the project's own tests.
 */
const PLATFORMS = {
  'linux-x64': {
    distribution: 'tensorflow-cpu',
    tags: ['manylinux_2_27_x86_64', 'manylinux_2_17_x86_64', 'manylinux2014_x86_64'],
    libraries: ['libtensorflow_cc.so.2', 'libtensorflow_framework.so.2'],
    mute: 'libvgg16_mute.so',
    soname,
    linker: ['-Wl,-rpath,$ORIGIN/../../deps/lib'],
  },
  'linux-arm64': {
    distribution: 'tensorflow-cpu',
    tags: ['manylinux_2_27_aarch64', 'manylinux_2_17_aarch64', 'manylinux2014_aarch64'],
    libraries: ['libtensorflow_cc.so.2', 'libtensorflow_framework.so.2'],
    mute: 'libvgg16_mute.so',
    soname,
    linker: ['-Wl,-rpath,$ORIGIN/../../deps/lib'],
  },
  'darwin-arm64': {
    distribution: 'tensorflow',
    tags: ['macosx_12_0_arm64'],
    libraries: ['libtensorflow_cc.2.dylib', 'libtensorflow_framework.2.dylib'],
    mute: 'libvgg16_mute.dylib',
    soname: installName,
    linker: ['-undefined', 'dynamic_lookup', '-Wl,-rpath,@loader_path/../../deps/lib'],
  },
};

/** Throws an InstallError where no wheel is known. */
export function platform(name = `${process.platform}-${process.arch}`) {
  const found = PLATFORMS[name];
  if (found === undefined) {
    throw new InstallError(
      `No TensorFlow wheel is known for ${name} (known: ${Object.keys(PLATFORMS).join(', ')}).`,
      'VGG16_TENSORFLOW=official npm rebuild vgg16',
    );
  }
  return { name, ...found };
}

/** One sentence on what is wrong, and the command to type. */
export class InstallError extends Error {
  constructor(message, hint) {
    super(message);
    this.hint = hint;
  }
}
