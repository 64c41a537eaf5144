/** What a run was: beside every output file as `<output>.run.json`, and on stdout under --json. */

import { writeAtomically } from '../files/atomic.js';
import { readRegularFile } from '../files/read.js';

/** Raised when a key changes its meaning or goes away. */
export const RUN_RECORD_VERSION = 1;

/** Versions and processor: what the numbers of a run can depend on. */
export interface Machine {
  readonly versions: {
    readonly vgg16: string;
    readonly node: string;
    /** `null` when TensorFlow is tfjs-node's own download, which does not say. */
    readonly tensorflow: string | null;
    readonly 'tfjs-node': string | null;
    readonly sharp: string;
    readonly libvips: string;
  };
  readonly platform: string;
  readonly cpu: { readonly model: string; readonly features: readonly string[] };
}

export interface RunRecord extends Machine {
  readonly v: number;
  readonly tool: 'vgg16';
  readonly command: string;
  /** As typed, without the program's name; before them those that come from variables and configurations. */
  readonly arguments: readonly string[];
  readonly directory: string;
  /** `null` when the run ended before the model was open. */
  readonly model: {
    readonly name: string;
    /** sha256 of the file in hex; `null` for generated weights, or when the run ended before it was known. */
    readonly sha256: string | null;
    readonly preset: string;
    readonly classes: number | null;
  } | null;
  /** What was decided, defaults included. */
  readonly settings: Readonly<Record<string, unknown>>;
  readonly output: {
    /** The complete output; `null` when there is none. */
    readonly file: string | null;
    /** Whole rows of a run that did not end well; `null` otherwise. */
    readonly partial: string | null;
    readonly format: string;
  };
  readonly counts: { readonly seen: number; readonly ok: number; readonly failed: number; readonly skipped: number };
  readonly inputs: {
    /** `null` when the list was read from a pipe and not to its end. */
    readonly total: number | null;
    /** sha256 over the shown paths of the inputs taken, each followed by NUL. */
    readonly sha256: string;
    /** What was met and not taken: in folders all of it, in archives what was gone through. Not known to a merge. */
    readonly passedOver?: {
      /** Files whose extension is not among those of `--ext`. */
      readonly others: number;
      /** Symbolic links not followed. */
      readonly links: number;
      /** Files with such an extension, and folders, whose names are hidden. */
      readonly hidden: number;
      /** Files and folders that `--exclude` takes out. */
      readonly excluded: number;
    };
  };
  /** ISO 8601, UTC. */
  readonly start: string;
  readonly end: string;
  readonly seconds: number;
  /** Images a second from the first read to the last row, loading of the model left out. */
  readonly imagesPerSecond: number;
  readonly exitCode: number;
  /** What the command found out over all images, where that is its purpose. */
  readonly results?: object;
  readonly error: { readonly code: string; readonly message: string } | null;
}

/** Where the record of `output` lies. */
export function runRecordPath(output: string): string {
  return `${output}.run.json`;
}

/** The model of the run that made `output`; `null` where its record is gone or says nothing. */
export async function recordedModel(output: string): Promise<RunRecord['model']> {
  try {
    const record = JSON.parse(await readRegularFile(runRecordPath(output))) as Partial<RunRecord> | null;
    return record?.model ?? null;
  } catch {
    return null;
  }
}

export async function writeRunRecord(path: string, record: RunRecord): Promise<void> {
  await writeAtomically(path, `${JSON.stringify(record, null, 2)}\n`);
}
