/**
 * What `./vgg16.config.json` may set. That file comes with the photos, from anyone: it may say how images are read and how
 * rows are made and shown, and nothing else. A flag that is not listed here may not be set by it, and a test fails until
 * somebody has decided.
 */

/**
 * `yes`: any value. `inside`: a name, or a path that does not lead out of the folder. `no`: the file is refused, because
 * the flag says where something is written, fetched, kept or read from, replaces or skips work, moves a limit that
 * protects this machine, hides messages, or decides whether a run has passed.
 */
export type FolderTrust = 'yes' | 'inside' | 'no';

const READING = {
  recursive: 'yes',
  ext: 'yes',
  exclude: 'yes',
  limit: 'yes',
  'auto-orient': 'yes',
  decode: 'yes',
  'on-error': 'yes',
  // Another folder's files, or links that lead to them.
  'files-from': 'no',
  null: 'no',
  'follow-symlinks': 'no',
  shard: 'no',
  // Guards against images that unpack to gigabytes.
  'max-pixels': 'no',
} as const;

const MODEL = {
  model: 'inside',
  labels: 'inside',
  preset: 'inside',
  seed: 'yes',
  'num-classes': 'yes',
  against: 'no',
  calibrate: 'no',
  check: 'no',
  verify: 'no',
  name: 'no',
} as const;

const ROWS = {
  format: 'yes',
  'top-k': 'yes',
  threshold: 'yes',
  scores: 'yes',
  long: 'yes',
  layer: 'yes',
  activation: 'yes',
  pool: 'yes',
  normalize: 'yes',
  dtype: 'yes',
  embeddings: 'yes',
  'shard-rows': 'yes',
  outputs: 'yes',
  csv: 'yes',
  output: 'no',
  force: 'no',
  resume: 'no',
  'retry-failed': 'no',
  // Rows that are passed on would tell where the user keeps things.
  'relative-to': 'no',
  absolute: 'no',
} as const;

const SPEED = {
  'batch-size': 'yes',
  workers: 'yes',
  threads: 'yes',
  precision: 'yes',
  'against-precision': 'yes',
  method: 'yes',
  parts: 'yes',
  'warm-up': 'yes',
  runs: 'yes',
} as const;

const SESSION = {
  progress: 'yes',
  verbose: 'yes',
  'no-color': 'yes',
  json: 'yes',
  quiet: 'no',
  'dry-run': 'no',
  offline: 'no',
  'weights-url': 'no',
  'cache-dir': 'no',
  config: 'no',
} as const;

/** What is tested does not say when it has passed. */
const GATES = {
  'max-errors': 'no',
  'max-diff': 'no',
  'min-top1': 'no',
  'min-ratio': 'no',
} as const;

export const FOLDER_MAY_SET: Readonly<Record<string, FolderTrust>> = {
  ...READING,
  ...MODEL,
  ...ROWS,
  ...SPEED,
  ...SESSION,
  ...GATES,
};

export function folderTrust(flag: string): FolderTrust {
  return Object.hasOwn(FOLDER_MAY_SET, flag) ? (FOLDER_MAY_SET[flag] as FolderTrust) : 'no';
}
