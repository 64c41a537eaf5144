/** What is known of a run while it goes on. */

import type { ModelCard } from '../../network/card.js';
import type { RunRecord } from '../../output/store/run-record.js';

import type { RunCounts, RunEvent } from '../../services/pipeline/run.js';

/** Time for the model's hash to settle at the end of a run that was interrupted, in milliseconds. */
const HASH_GRACE_MS = 200;

export class RunState {
  counts: Readonly<RunCounts> = { seen: 0, ok: 0, failed: 0, skipped: 0 };
  card: ModelCard | undefined;
  settings: object = {};
  total: number | undefined;
  readonly start = new Date();
  finish = this.start;
  #hash: Promise<string | null> = Promise.resolve(null);
  readonly #startedAt = performance.now();
  #readyAt: number | undefined;
  #endedAt = this.#startedAt;

  ready(event: Extract<RunEvent<never>, { readonly type: 'ready' }>): void {
    this.card = event.card;
    this.settings = event.settings;
    this.total = event.total;
    this.#hash = event.modelHash.catch(() => null);
    this.#readyAt = performance.now();
  }

  end(): void {
    this.#endedAt = performance.now();
    this.finish = new Date();
  }

  /** Seconds until the model was ready. */
  loadSeconds(): number {
    return ((this.#readyAt ?? this.#startedAt) - this.#startedAt) / 1000;
  }

  /** Seconds of the whole run; images computed a second from the moment that the model was ready. */
  speed(): { readonly seconds: number; readonly imagesPerSecond: number } {
    const streaming = (this.#endedAt - (this.#readyAt ?? this.#endedAt)) / 1000;
    return {
      seconds: (this.#endedAt - this.#startedAt) / 1000,
      imagesPerSecond: streaming > 0 ? (this.counts.seen - this.counts.skipped) / streaming : 0,
    };
  }

  /** The model for the record; its hash is `null` where it is not known yet and the run is `hurried`. */
  async model(hurried: boolean): Promise<RunRecord['model']> {
    if (this.card === undefined) return null;
    const { name, preset, architecture } = this.card;
    const late = new Promise<null>((resolve) => {
      if (hurried) setTimeout(() => resolve(null), HASH_GRACE_MS).unref();
    });
    const sha256 = await Promise.race([this.#hash, late]);
    return { name, sha256, preset: preset.name, classes: architecture.classifier?.classes ?? null };
  }
}
