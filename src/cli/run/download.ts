/** Downloads known weights, for `model pull` and for every command that needs weights that are not here. */

import { printable } from '../../output/printable.js';
import { needsPull, type PullEvent, type PulledModel, type PullOptions, pullModel } from '../../services/model/pull.js';
import { openProgress, type Progress, progressStyle } from '../terminal/progress.js';
import { formatDuration, Rate } from '../terminal/rate.js';
import { megabytes } from '../terminal/size.js';

/** What a command that may download says of it. */
export interface NetworkFlags {
  readonly offline?: boolean | undefined;
  readonly 'weights-url'?: string | undefined;
  readonly progress?: boolean | undefined;
  readonly quiet?: boolean | undefined;
}

/** After an interrupted download. */
export const GOES_ON = 'What was downloaded is kept: the same command goes on from there.';

/** Downloads known weights that are not on this machine; for any other model, or where they are here, nothing happens. */
export async function ensureWeights(
  model: string,
  flags: NetworkFlags,
  cacheDir: string,
  signal?: AbortSignal,
): Promise<void> {
  if (!(await needsPull(model, cacheDir))) return;
  const pulled = await download(model, flags, cacheDir, signal);
  if (flags.quiet !== true) say(pulledLine(pulled));
}

/** Shows the progress on stderr; throws as `pullModel` does, and the signal's reason. */
export async function download(
  name: string,
  flags: NetworkFlags,
  cacheDir: string,
  signal: AbortSignal | undefined,
): Promise<PulledModel> {
  const options: PullOptions = {
    name,
    cacheDir,
    offline: flags.offline === true,
    ...(flags['weights-url'] === undefined ? {} : { weightsUrl: flags['weights-url'] }),
    ...(signal === undefined ? {} : { signal }),
  };
  const shown = new Shown(name);
  const text = (counts: { readonly seen: number }, total: number | undefined) =>
    downloadText(name, counts.seen, total, shown.rate);
  const progress = await openProgress(progressStyle(flags), process.stderr, text);
  const events = pullModel(options);
  try {
    for (;;) {
      const { value, done } = await events.next();
      if (done === true) return value;
      shown.show(value, progress, flags.quiet === true);
    }
  } finally {
    progress.stop();
  }
}

/** Between two updates of the progress, in milliseconds: bytes come thousands of times a second. */
const UPDATE_MS = 50;

/** The state of what is drawn. */
class Shown {
  /** Of the bytes that came since the last beginning, not of those that were there. */
  rate = new Rate();
  #bytes: number | undefined;
  #updated = 0;

  constructor(private readonly name: string) {}

  show(event: PullEvent, progress: Progress, quiet: boolean): void {
    const tell = (line: string) => {
      if (!quiet) progress.around(() => say(printable(line)));
    };
    switch (event.type) {
      case 'progress':
        this.#progress(event.bytes, event.total, progress);
        return;
      case 'retry':
        tell(`${event.reason}; trying again in ${formatDuration(event.waitMs / 1000)}.`);
        return;
      case 'waiting':
        tell(`Another process (${event.pid}) is downloading ${this.name}; waiting for it.`);
        return;
      case 'converting':
        progress.stop();
        this.#bytes = undefined;
        tell(`Converting ${this.name}.`);
    }
  }

  #progress(bytes: number, total: number | undefined, progress: Progress): void {
    const now = performance.now();
    if (this.#bytes === undefined) progress.start(total);
    if (this.#bytes === undefined || bytes < this.#bytes) this.rate = new Rate();
    else if (now - this.#updated < UPDATE_MS && bytes !== total) return;
    this.#bytes = bytes;
    this.#updated = now;
    this.rate.add(now / 1000, bytes);
    progress.update({ seen: bytes, ok: 0, failed: 0, skipped: 0 });
  }
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** `imagenet: 120.3 of 553.4 MB (21 %), 24.1 MB/s, 18 s left`. */
export function downloadText(name: string, bytes: number, total: number | undefined, rate: Rate): string {
  const speed = rate.perSecond();
  const left = rate.secondsLeft(total);
  const of = total === undefined ? ' MB' : ` of ${megabytes(total)} (${Math.floor((bytes / total) * 100)} %)`;
  return [
    `${name}: ${inMegabytes(bytes)}${of}`,
    ...(speed <= 0 ? [] : [`${megabytes(speed)}/s`]),
    ...(left === undefined || speed <= 0 ? [] : [`${formatDuration(left)} left`]),
  ].join(', ');
}

function inMegabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}

/** `imagenet (553.4 MB) → …/imagenet.safetensors`, and whether it was here before. */
export function pulledLine({ name, path, bytes, pulled }: PulledModel): string {
  const what = pulled ? '' : ' is here already';
  return `${name}${what} (${megabytes(bytes)}) → ${printable(path)}`;
}
