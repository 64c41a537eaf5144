/** Progress on stderr: a bar on a terminal, else a line now and then. Rows and messages go around it. */

import type { RunCounts } from '../../services/pipeline/run.js';
import { formatCount, formatDuration, formatSpeed, Rate } from './rate.js';

/** Between two lines where stderr is no terminal, in milliseconds. */
const LINE_EVERY_MS = 10_000;

/** Redraws of the bar a second. */
const REDRAWS = 8;

/** Columns of the bar itself. */
const BAR_WIDTH = 24;

export interface Progress {
  start(total: number | undefined): void;
  update(counts: Readonly<RunCounts>): void;
  /** Takes the bar away while `write` writes to the same terminal, which it does before it returns. */
  around<T>(write: () => T): T;
  stop(): void;
}

export type ProgressStyle = 'bar' | 'lines' | 'none';

/** The style that a command's flags and its stderr ask for. */
export function progressStyle(flags: {
  readonly progress?: boolean | undefined;
  readonly quiet?: boolean | undefined;
  readonly 'dry-run'?: boolean | undefined;
}): ProgressStyle {
  if (!(flags.progress ?? flags.quiet !== true) || flags['dry-run'] === true) return 'none';
  return process.stderr.isTTY === true ? 'bar' : 'lines';
}

interface Stderr extends NodeJS.WritableStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/** What progress says. */
type Describe = typeof progressText;

/** Progress in the given style; cli-progress is loaded for a bar only. */
export async function openProgress(
  style: ProgressStyle,
  stderr: Stderr = process.stderr,
  describe: Describe = progressText,
): Promise<Progress> {
  if (style === 'bar') return bar(stderr, describe);
  if (style === 'lines') return lines(stderr, describe);
  return { start: () => {}, update: () => {}, around: (write) => write(), stop: () => {} };
}

/** `120 of 1,000 images (12 %), 61.7 img/s, 14 s left, 3 failed`. */
export function progressText(counts: Readonly<RunCounts>, total: number | undefined, rate: Rate): string {
  const speed = rate.perSecond();
  const left = rate.secondsLeft(total);
  const share = total === undefined || total === 0 ? '' : ` of ${formatCount(total)}`;
  const percent = total === undefined || total === 0 ? '' : ` (${Math.floor((counts.seen / total) * 100)} %)`;
  return [
    `${formatCount(counts.seen)}${share} image${(total ?? counts.seen) === 1 ? '' : 's'}${percent}`,
    ...(speed === 0 ? [] : [`${formatSpeed(speed)} img/s`]),
    ...(left === undefined ? [] : [`${formatDuration(left)} left`]),
    ...(counts.failed === 0 ? [] : [`${formatCount(counts.failed)} failed`]),
  ].join(', ');
}

const seconds = () => performance.now() / 1000;
const NOTHING: RunCounts = { seen: 0, ok: 0, failed: 0, skipped: 0 };

function lines(stderr: Stderr, describe: Describe): Progress {
  const rate = new Rate();
  let total: number | undefined;
  let counts: Readonly<RunCounts> = NOTHING;
  let timer: NodeJS.Timeout | undefined;
  return {
    start(all) {
      total = all;
      rate.add(seconds(), 0);
      timer = setInterval(() => stderr.write(`${describe(counts, total, rate)}\n`), LINE_EVERY_MS);
      timer.unref();
    },
    update(now) {
      counts = now;
      rate.add(seconds(), now.seen);
    },
    around: (write) => write(),
    stop: () => clearInterval(timer),
  };
}

async function bar(stderr: Stderr, describe: Describe): Promise<Progress> {
  const { SingleBar, Format } = (await import('cli-progress')).default;
  const rate = new Rate();
  let total: number | undefined;
  let counts: Readonly<RunCounts> = NOTHING;
  const drawn = new SingleBar({
    stream: stderr,
    format: (options, { progress }) => {
      const text = describe(counts, total, rate);
      const line = total === undefined ? text : `${Format.BarFormat(progress, options)} ${text}`;
      return line.slice(0, (stderr.columns || 80) - 1);
    },
    barsize: BAR_WIDTH,
    barCompleteChar: '█',
    barIncompleteChar: '░',
    fps: REDRAWS,
    clearOnComplete: true,
    gracefulExit: false, // signals are the command's
    emptyOnZero: true,
  });
  return {
    start(all) {
      total = all;
      rate.add(seconds(), 0);
      drawn.start(all ?? 0, 0);
    },
    update(now) {
      counts = now;
      rate.add(seconds(), now.seen);
      drawn.update(now.seen);
    },
    around(write) {
      if (!drawn.isActive) return write();
      // Stopped and started again, because the library returns the cursor to where the bar began.
      drawn.stop();
      const result = write();
      drawn.start(total ?? 0, counts.seen);
      return result;
    },
    stop: () => drawn.stop(),
  };
}
