import { PassThrough } from 'node:stream';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { openProgress, progressText } from '../../../src/cli/terminal/progress.js';
import { formatDuration, Rate } from '../../../src/cli/terminal/rate.js';

/** ECMA-48: cursor to column 1, erase the line. */
const CLEARED = '\u001B[1G\u001B[2K';

const counts = (seen: number, failed = 0) => ({ seen, ok: seen - failed, failed, skipped: 0 });

describe('Rate', () => {
  it('follows the last while, not the whole run', () => {
    const rate = new Rate();
    for (let second = 0; second <= 100; second += 1) rate.add(second, second * 10);
    expect(rate.perSecond()).toBeCloseTo(10);
    for (let second = 101; second <= 130; second += 1) rate.add(second, 1000 + (second - 100) * 50);
    expect(rate.perSecond()).toBeCloseTo(50);
    expect(rate.secondsLeft(3000)).toBeCloseTo((3000 - 2500) / 50);
  });

  it('says nothing before there is something to compare, and no time left without a total', () => {
    const rate = new Rate();
    rate.add(5, 0);
    expect(rate.perSecond()).toBe(0);
    expect(rate.secondsLeft(10)).toBeUndefined();
    rate.add(6, 3);
    expect(rate.secondsLeft(undefined)).toBeUndefined();
  });
});

describe('progressText', () => {
  it('shows count, share, speed, time left and failures', () => {
    const rate = new Rate();
    rate.add(0, 0);
    rate.add(2, 120);
    expect(progressText(counts(120, 3), 1000, rate)).toBe(
      '120 of 1,000 images (12 %), 60.0 img/s, 15 s left, 3 failed',
    );
    expect(progressText(counts(120), undefined, rate)).toBe('120 images, 60.0 img/s');
  });

  it('writes durations as people do', () => {
    expect([0.4, 9.97, 75, 3723].map(formatDuration)).toEqual(['0.4 s', '10 s', '1 min 15 s', '1 h 2 min']);
  });
});

describe('progress', () => {
  afterEach(() => vi.useRealTimers());

  it('writes a line every ten seconds where stderr is no terminal, and none once stopped', async () => {
    vi.useFakeTimers();
    const stderr = new PassThrough();
    const progress = await openProgress('lines', stderr);
    progress.start(10);
    progress.update(counts(4));
    vi.advanceTimersByTime(9_999);
    expect(stderr.read()).toBeNull();
    vi.advanceTimersByTime(20_001);
    progress.stop();
    vi.advanceTimersByTime(60_000);
    expect(String(stderr.read()).match(/4 of 10 images \(40 %\)/g)).toHaveLength(3);
  });

  it('takes the bar away while rows are written to the same terminal, and ends with an empty line', async () => {
    const stderr = Object.assign(new PassThrough(), { isTTY: true, columns: 80, cursorTo: () => true });
    const progress = await openProgress('bar', stderr);
    progress.start(10);
    progress.update(counts(5));
    const before = String(stderr.read());
    expect(before).toContain('░');
    let during = '';
    progress.around(() => {
      during = String(stderr.read());
    });
    // The last thing before the row: column 1, line cleared.
    expect(during.slice(-CLEARED.length)).toBe(CLEARED);
    progress.stop();
    expect(String(stderr.read())).toContain('5 of 10 images (50 %)');
  });
});
