import { describe, expect, it } from 'vitest';
import { downloadText } from '../../../src/cli/run/download.js';
import { Rate } from '../../../src/cli/terminal/rate.js';

describe('downloadText', () => {
  it('says how much of how much, how fast, and how long still', () => {
    const rate = new Rate();
    rate.add(0, 0);
    expect(downloadText('imagenet', 0, 553_400_000, rate)).toBe('imagenet: 0.0 of 553.4 MB (0 %)');
    rate.add(5, 120_300_000);
    expect(downloadText('imagenet', 120_300_000, 553_400_000, rate)).toBe(
      'imagenet: 120.3 of 553.4 MB (21 %), 24.1 MB/s, 18 s left',
    );
    expect(downloadText('imagenet', 120_300_000, undefined, rate)).toBe('imagenet: 120.3 MB, 24.1 MB/s');
  });
});
