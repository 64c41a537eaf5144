/** Runs the program while the n-th call that changes a folder fails, or ends the process. See faults.c. */

import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { type Result, ROOT, type RunOptions, vgg16 } from './program.js';

/** What happens at the call: an error of the system, once or from then on, or a signal just before it. */
export type Fault = 'ENOSPC' | 'EIO' | 'ENOSPC for ever' | 'EIO for ever' | 'SIGKILL' | 'SIGTERM' | 'SIGINT';

const DOES: Readonly<Record<Fault, Readonly<Record<string, string>>>> = {
  ENOSPC: { FAULT_DO: String(constants.errno.ENOSPC) },
  EIO: { FAULT_DO: String(constants.errno.EIO) },
  'ENOSPC for ever': { FAULT_DO: String(constants.errno.ENOSPC), FAULT_STAYS: '1' },
  'EIO for ever': { FAULT_DO: String(constants.errno.EIO), FAULT_STAYS: '1' },
  SIGKILL: { FAULT_DO: 'kill' },
  SIGTERM: { FAULT_DO: 'term' },
  SIGINT: { FAULT_DO: 'int' },
};

/** One call that changed the folder: `write /tmp/x/out.onnx`. */
export interface Call {
  readonly name: string;
  readonly path: string;
}

export class Faults {
  readonly #library: string;

  private constructor(library: string) {
    this.#library = library;
  }

  /** Compiles the library into `folder`; `undefined` where there is no compiler, or no way to preload. */
  static compile(folder: string): Faults | undefined {
    if (process.platform !== 'linux') return undefined;
    const library = join(folder, 'faults.so');
    const source = join(ROOT, 'test/e2e/helpers/faults.c');
    const { status } = spawnSync('cc', ['-shared', '-fPIC', '-O1', '-o', library, source, '-ldl', '-lpthread']);
    return status === 0 && existsSync(library) ? new Faults(library) : undefined;
  }

  /** Calls below `folder` count. The result has those that were made, from the first one on. */
  async run(
    words: readonly string[],
    {
      folder,
      at,
      fault,
      ...options
    }: RunOptions & { readonly folder: string; readonly at?: number; readonly fault?: Fault },
  ): Promise<Result & { readonly calls: readonly Call[] }> {
    const log = `${this.#library}.${runs++}.log`;
    const env = {
      ...options.env,
      LD_PRELOAD: this.#library,
      FAULT_FOLDER: folder,
      FAULT_LOG: log,
      FAULT_AT: String(at ?? 0),
      ...(fault === undefined ? {} : DOES[fault]),
    };
    const result = await vgg16(words, { ...options, env });
    const lines = existsSync(log) ? readFileSync(log, 'utf8').split('\n').slice(0, -1) : [];
    rmSync(log, { force: true });
    const calls = lines.map((line) => {
      const [, name = '', path = ''] = /^\d+ (\w+) (.*)$/.exec(line) ?? [];
      return { name, path };
    });
    return { ...result, calls };
  }
}

let runs = 0;
