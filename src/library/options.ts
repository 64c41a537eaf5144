/** What a caller may choose, and what counts where nothing was chosen: the same as on the command line. */

import { homedir } from 'node:os';
import { join } from 'node:path';
import { usageError } from '../errors.js';
import { IMAGE_EXTENSIONS } from '../images/list/extensions.js';

/** Which network is used, and where its weights come from. */
export interface ModelOptions {
  /** Names of the classes, in their order, in place of the model's own. */
  readonly labels?: readonly string[] | undefined;
  /** The preprocessing that the weights were trained with, where their file does not say. */
  readonly preset?: 'torchvision' | 'keras' | 'caffe' | undefined;
  /** Seed of the weights of the model `random`, from 0 to 2^32 - 1. Default 0. */
  readonly seed?: number | undefined;
  /** Classes of the model `random` (default 1000); of any other model, as many as it must have. */
  readonly numClasses?: number | undefined;
  /** Arithmetic of the network. Default `f32`; `auto` is the fastest that the processor and the model are made for. */
  readonly precision?: 'f32' | 'bf16' | 'int8' | 'auto' | undefined;
  /** TensorFlow's threads. It reads them once a process, so the first model decides. Default `auto`. */
  readonly threads?: number | 'auto' | undefined;
  /** Folder of downloaded models. Default: VGG16_CACHE_DIR, or `vgg16` in the user's cache folder. */
  readonly cacheDir?: string | undefined;
  /** Never touch the network: weights that are not on this machine are an error. Default: VGG16_OFFLINE, or false. */
  readonly offline?: boolean | undefined;
  /** Address of a folder on the web to download weights from, by the names of their files. */
  readonly weightsUrl?: string | undefined;
  /** Ends what is in progress; the call then throws the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** How image files become pixels. */
export interface PixelOptions {
  /** Turn photos upright by their EXIF or XMP. Default true. */
  readonly autoOrient?: boolean | undefined;
  /** `exact` gives Pillow's pixels; `fast` lets the JPEG decoder reduce large photos. Default `exact`. */
  readonly decode?: 'exact' | 'fast' | undefined;
  /** Largest width × height that is decoded. */
  readonly maxPixels?: number | undefined;
}

/** Which images are found in folders, globs and archives. */
export interface FindOptions {
  /** Look into the folders of a folder. Default true. */
  readonly recursive?: boolean | undefined;
  /** Extensions without the dot, in any case. Default: those of all formats that are decoded. */
  readonly extensions?: readonly string[] | undefined;
  /** Globs of files and folders to leave out. */
  readonly exclude?: readonly string[] | undefined;
  /** Follow symbolic links inside folders. Default false. */
  readonly followSymlinks?: boolean | undefined;
  /** Take the first so many images only. */
  readonly limit?: number | undefined;
  /** Take the `index`-th (from 1) of `count` equal shares. */
  readonly shard?: { readonly index: number; readonly count: number } | undefined;
  /** Folder that the paths in rows are relative to. Default: the current one. */
  readonly relativeTo?: string | undefined;
  /** Absolute paths in rows. Default false. */
  readonly absolute?: boolean | undefined;
}

/** Options of `classify` and `extract` alike. */
export interface RunOptions extends ModelOptions, PixelOptions, FindOptions {
  /** A known name, such as `imagenet` (the default) or `mini`, or the path of a weight file. */
  readonly model?: string | undefined;
  /** Images that go through the network together. Default `auto`. */
  readonly batchSize?: number | 'auto' | undefined;
  /** Images decoded at the same time. Default `auto`: twice the threads. */
  readonly workers?: number | 'auto' | undefined;
  /** Called with one line about something worth knowing that does not end the run. */
  readonly onNotice?: ((message: string) => void) | undefined;
}

/** Which classes of an image are given. */
export interface TopOptions {
  /** Classes an image, best first; at most as many as the model has. Default 5. */
  readonly topK?: number | undefined;
  /** Leave out classes less probable than this, from 0 to 1. Default 0. */
  readonly threshold?: number | undefined;
}

/** Which activations are given. */
export interface ActivationOptions {
  /** `conv1_1` … `conv5_3`, `pool1` … `pool5`, `fc6`, `fc7` (default), `logits`; torchvision's and Keras's names too. */
  readonly layer?: string | undefined;
  /** Values after the layer's ReLU (default), or before it. */
  readonly activation?: 'post' | 'pre' | undefined;
  /** Convolutions and pools: the mean (default) or maximum of each channel over the image, or all values. */
  readonly pool?: 'none' | 'avg' | 'max' | undefined;
  /** `l2`: values divided by their Euclidean length. Default `none`. */
  readonly normalize?: 'none' | 'l2' | undefined;
}

/** Every option that there is. */
type AnyOptions = RunOptions & TopOptions & ActivationOptions;

/** Options that have a value without being given. */
type Defaulted =
  | 'model'
  | 'seed'
  | 'precision'
  | 'threads'
  | 'batchSize'
  | 'workers'
  | 'autoOrient'
  | 'decode'
  | 'maxPixels'
  | 'recursive'
  | 'extensions'
  | 'followSymlinks'
  | 'absolute'
  | 'topK'
  | 'threshold'
  | 'layer'
  | 'activation'
  | 'pool'
  | 'normalize';

/** The command's defaults; a test compares them with its flags. */
export const DEFAULTS: { readonly [Key in Defaulted]: NonNullable<AnyOptions[Key]> } = {
  model: 'imagenet',
  seed: 0,
  precision: 'f32',
  threads: 'auto',
  batchSize: 'auto',
  workers: 'auto',
  autoOrient: true,
  decode: 'exact',
  maxPixels: 178_956_970,
  recursive: true,
  extensions: IMAGE_EXTENSIONS,
  followSymlinks: false,
  absolute: false,
  topK: 5,
  threshold: 0,
  layer: 'fc7',
  activation: 'post',
  pool: 'avg',
  normalize: 'none',
};

/** Options with a value for all that have a default. */
export type Resolved<Options> = {
  readonly [Key in keyof Options as Key extends Defaulted ? never : Key]: Options[Key];
} & { readonly [Key in keyof Options as Key extends Defaulted ? Key : never]-?: NonNullable<Options[Key]> };

/** The options that were given, and the defaults of all others. */
export function withDefaults<Options extends object>(options: Options): Resolved<Options> {
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  return { ...DEFAULTS, ...Object.fromEntries(given) } as unknown as Resolved<Options>;
}

/** Throws USAGE unless the value is a whole number of at least `min`, or `auto` where that is allowed, or not given. */
export function checkWhole(name: string, value: unknown, min: number, { auto = false } = {}): void {
  if (value === undefined || (auto && value === 'auto')) return;
  if (Number.isSafeInteger(value) && (value as number) >= min) return;
  const expected = `a whole number from ${min}${auto ? " or 'auto'" : ''}`;
  throw usageError(`Expected ${expected} as ${name} but received ${String(value)}.`);
}

/** Throws USAGE unless the value is one of those, or not given. */
export function checkOneOf(name: string, value: unknown, allowed: readonly string[]): void {
  if (value === undefined || allowed.includes(value as string)) return;
  throw usageError(`Expected ${allowed.join(', ')} as ${name} but received ${String(value)}.`);
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Where the command keeps its models, too: as oclif decides it. */
export function defaultCacheDir(env: Environment = process.env, platform = process.platform): string {
  if (env.VGG16_CACHE_DIR) return env.VGG16_CACHE_DIR;
  const home = env.HOME || homedir();
  if (platform === 'darwin') return join(home, 'Library', 'Caches', 'vgg16');
  return join(env.XDG_CACHE_HOME || join(home, '.cache'), 'vgg16');
}

export function defaultOffline(env: Environment = process.env): boolean {
  return ['1', 'true', 'yes', 'on'].includes((env.VGG16_OFFLINE ?? '').toLowerCase());
}
