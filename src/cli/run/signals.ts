/** Ctrl-C and SIGTERM: the first asks the run to end, the second ends the process at once. */

import { ExitCode } from '../../errors.js';
import { discardDrafts } from '../../output/files/draft.js';
import { removeScratch } from '../../output/files/scratch.js';

/** After SIGTERM the batch in flight has this long; engines such as Kubernetes and Slurm kill soon after. */
const TERM_GRACE_MS = 1200;

export type SignalName = 'SIGINT' | 'SIGTERM';

export class Interruption {
  readonly #soft = new AbortController();
  readonly #hard = new AbortController();
  #exitCode: ExitCode | undefined;
  #timer: NodeJS.Timeout | undefined;
  readonly #onInterrupt = () => this.#receive(ExitCode.Interrupted);
  readonly #onTerminate = () => this.#receive(ExitCode.Terminated);

  /** `onFirst` is told of the first signal, to say that the run is ending. */
  constructor(private readonly onFirst: (name: SignalName) => void) {
    process.on('SIGINT', this.#onInterrupt);
    process.on('SIGTERM', this.#onTerminate);
  }

  /** Aborted by the first signal: finish what is in flight. */
  get signal(): AbortSignal {
    return this.#soft.signal;
  }

  /** Aborted when there is no more time to finish anything. */
  get deadline(): AbortSignal {
    return this.#hard.signal;
  }

  /** 130 or 143 after a signal. */
  get exitCode(): ExitCode | undefined {
    return this.#exitCode;
  }

  get signalName(): SignalName | undefined {
    if (this.#exitCode === undefined) return undefined;
    return this.#exitCode === ExitCode.Terminated ? 'SIGTERM' : 'SIGINT';
  }

  /** Ends the run for a reason that is no signal: nobody reads the output any more. */
  stop(): void {
    this.#soft.abort();
    this.#hard.abort();
  }

  /**
   * Ends the process by the signal itself, which a shell shows as 130 or 143. `process.exit` would wait for the network's
   * thread, which cannot be stopped in the middle of a batch; it is what is left when no signal came. What nobody can go
   * on with is deleted first.
   */
  endNow(): never {
    discardDrafts();
    removeScratch();
    const name = this.signalName;
    if (name === undefined) process.exit(ExitCode.Ok);
    this.dispose();
    process.kill(process.pid, name);
    process.exit(this.#exitCode);
  }

  dispose(): void {
    process.off('SIGINT', this.#onInterrupt);
    process.off('SIGTERM', this.#onTerminate);
    clearTimeout(this.#timer);
  }

  #receive(exitCode: ExitCode): void {
    if (this.#exitCode !== undefined) this.endNow();
    this.#exitCode = exitCode;
    this.#soft.abort();
    if (exitCode === ExitCode.Terminated) {
      this.#timer = setTimeout(() => this.#hard.abort(), TERM_GRACE_MS);
      this.#timer.unref();
    }
    this.onFirst(exitCode === ExitCode.Terminated ? 'SIGTERM' : 'SIGINT');
  }
}
