/** What a run says on stderr besides its progress: failed images, the closing line. */

import type { PassedOver } from '../../images/list/passed-over.js';
import { printable } from '../../output/printable.js';
import type { FailedRow } from '../../output/rows/records.js';
import type { RunCounts } from '../../services/pipeline/run.js';
import { formatCount, formatDuration, formatSpeed } from '../terminal/rate.js';
import type { SignalName } from './signals.js';
import type { RunState } from './state.js';

/** Failed images named on stderr; all of them are in the output and in the record of the run. */
const MAX_FAILURES_NAMED = 10;

export function isFailed(row: { readonly status: string }): row is FailedRow {
  return row.status === 'error';
}

/** Names the first images that failed, then says once that there are more. */
export class FailureTeller {
  #told = 0;

  constructor(private readonly say: (line: string) => void) {}

  tell(rows: readonly { readonly status: string }[]): void {
    for (const row of rows.filter(isFailed)) {
      this.#told += 1;
      if (this.#told > MAX_FAILURES_NAMED + 1) return;
      this.say(this.#told > MAX_FAILURES_NAMED ? 'More images failed: see the output.' : failureLine(row));
    }
  }
}

/** `a/b.jpg: DECODE_FAILED: …` */
export function failureLine({ path, error }: FailedRow): string {
  return `${printable(path)}: ${error.code}: ${printable(error.message)}`;
}

/** For --verbose: `mini is ready after 0.9 s: 10 classes, preset torchvision, batchSize 16 (model), workers 4, …`. */
export function readyLine(state: RunState): string {
  const { card, settings } = state;
  const classes = card?.architecture.classifier?.classes;
  const parts = [
    ...(classes === undefined ? [] : [`${formatCount(classes)} classes`]),
    `preset ${printable(card?.preset.name ?? '')}`,
    ...settingTexts(settings),
  ];
  return `${printable(card?.name ?? '')} is ready after ${formatDuration(state.loadSeconds())}: ${parts.join(', ')}.`;
}

/** Settings, each that was chosen with what decided it. */
function settingTexts(settings: object): string[] {
  const { chosen = {}, ...values } = settings as { readonly chosen?: Readonly<Record<string, string>> };
  return Object.entries(values).map(([name, value]) => {
    return chosen[name] === undefined ? `${name} ${value}` : `${name} ${value} (${chosen[name]})`;
  });
}

export interface Ending {
  readonly counts: Readonly<RunCounts>;
  readonly seconds: number;
  readonly imagesPerSecond: number;
  /** The complete output; undefined on stdout or when there is none. */
  readonly output: string | undefined;
}

/** `1,000 images in 16.2 s (61.7 img/s), 3 failed → labels.csv` */
export function closingLine({ counts, seconds, imagesPerSecond, output }: Ending): string {
  const images = `${formatCount(counts.seen)} ${counts.seen === 1 ? 'image' : 'images'}`;
  const failed = counts.failed === 0 ? '' : `, ${formatCount(counts.failed)} failed`;
  const skipped = counts.skipped === 0 ? '' : `, ${formatCount(counts.skipped)} from an earlier run`;
  const arrow = output === undefined ? '' : ` → ${printable(output)}`;
  const speed = imagesPerSecond === 0 ? '' : ` (${formatSpeed(imagesPerSecond)} img/s)`;
  return `${images} in ${formatDuration(seconds)}${speed}${skipped}${failed}${arrow}`;
}

/** Other extensions that are named. */
const MAX_EXTENSIONS_NAMED = 3;

/** `12 files with other extensions (10 .heic, 2 .mp4), 3 links passed over.`; `undefined` where nothing was. */
export function passedOverLine(passedOver: PassedOver): string | undefined {
  const { others, links, hidden } = passedOver;
  const named = passedOver.topExtensions(MAX_EXTENSIONS_NAMED).map(([name, files]) => `${formatCount(files)} ${name}`);
  const list = named.length === 0 ? '' : ` (${named.join(', ')})`;
  const parts = [
    ...(others === 0 ? [] : [`${plural(others, 'file with another extension', 'files with other extensions')}${list}`]),
    ...(links === 0 ? [] : [plural(links, 'link')]),
    ...(hidden === 0 ? [] : [plural(hidden, 'hidden file or folder', 'hidden files or folders')]),
  ];
  return parts.length === 0 ? undefined : `${parts.join(', ')} passed over.`;
}

function plural(count: number, noun: string, nouns = `${noun}s`): string {
  return `${formatCount(count)} ${count === 1 ? noun : nouns}`;
}

/** Of a run that found its output finished. */
export function nothingToDoLine({ seen, failed }: Readonly<RunCounts>, output: string): string {
  const failures = failed === 0 ? '' : `, ${formatCount(failed)} failed`;
  return `Nothing to do: ${printable(output)} is complete (${formatCount(seen)} ${seen === 1 ? 'image' : 'images'}${failures}).`;
}

/** How a run that was interrupted ended, and where its rows are. */
export function interruptionLine(name: SignalName, counts: Readonly<RunCounts>, partial: string | undefined): string {
  const rows = `${formatCount(counts.seen)} ${counts.seen === 1 ? 'row' : 'rows'}`;
  return partial === undefined
    ? `Interrupted (${name}) after ${rows}.`
    : `Interrupted (${name}): ${rows} ${counts.seen === 1 ? 'is' : 'are'} in ${printable(partial)}.\nThe same command with --resume goes on from there.`;
}
