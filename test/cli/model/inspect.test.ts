import { describe, expect, it } from 'vitest';
import { inspectionText } from '../../../src/cli/model/inspect.js';
import { styleOf } from '../../../src/cli/terminal/style.js';
import { vgg16 } from '../../../src/network/architecture.js';
import { PRESETS } from '../../../src/network/preset.js';
import { summarize } from '../../../src/network/summary.js';

const plain = styleOf(false);
const architecture = vgg16();
const summary = summarize(architecture);

describe('inspectionText', () => {
  it('shows the layers in aligned columns and the totals', () => {
    const lines = inspectionText({ architecture, summary, model: null }, plain).split('\n');
    expect(lines[0]).toBe('Layer       Output shape   Parameters            MACs');
    expect(lines[2]).toBe('conv1_1   224 x 224 x 64        1,792      86,704,128');
    expect(lines.find((line) => line.startsWith('total'))).toBe(
      'total                     138,357,544  15,470,264,320',
    );
    expect(lines).toContain('Parameters  138,357,544 (553.4 MB as f32)');
    expect(lines).toContain('Compute     15.47 GMAC an image');
    expect(lines.join()).not.toContain('Preset');
  });

  it('shows the card, the first labels, and no control characters from a file', () => {
    const model = {
      name: 'my\u001b[31mmodel',
      preset: PRESETS.torchvision,
      labels: ['a', 'b', 'c', 'd', 'e', 'f'],
      license: 'MIT',
      source: null,
      synsets: null,
      accuracy: { top1: 71.592, top5: 90.382, on: 'ImageNet' },
      file: { path: 'm.pth', bytes: 553_433_881, sha256: '397923af' },
      ranges: null,
    };
    const text = inspectionText({ architecture, summary, model }, plain);
    expect(text).not.toContain('\u001b');
    expect(text).toContain('Labels      6: a, b, c, d, e, …');
    expect(text).toContain('Preset      torchvision: shorter side 256, crop 224, RGB');
    expect(text).toContain('Accuracy    top-1 71.592 %, top-5 90.382 % on ImageNet');
    expect(text).toContain('Licence     MIT');
    expect(text).toContain('Source      unknown');
    expect(text).toContain('File        m.pth (553.4 MB)');
    expect(text).toContain('sha256      397923af');
  });
});
