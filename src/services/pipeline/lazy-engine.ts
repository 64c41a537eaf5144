/** An engine that is started when it is needed, and cancelled with the run. */

import type { Engine } from '../../engine/engine.js';

export class LazyEngine {
  #opening: Promise<Engine> | undefined;
  readonly #cancel = () => this.cancel();

  constructor(
    private readonly start: () => Promise<Engine>,
    private readonly signal: AbortSignal,
  ) {
    signal.addEventListener('abort', this.#cancel);
  }

  open(): Promise<Engine> {
    if (this.#opening === undefined) {
      this.#opening = this.start();
      this.#opening.then(
        () => this.signal.aborted && this.cancel(),
        () => {},
      );
    }
    return this.#opening;
  }

  /** Lets the batch in progress finish and skips those behind it. */
  cancel(): void {
    this.#opening?.then(
      (engine) => engine.cancel(),
      () => {},
    );
  }

  async close(): Promise<void> {
    this.signal.removeEventListener('abort', this.#cancel);
    await this.#opening?.then(
      (engine) => engine.close(),
      () => {},
    );
  }
}
