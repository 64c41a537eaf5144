import { describe, expect, it } from 'vitest';
import { vgg16 } from '../../src/network/architecture.js';
import { summarize } from '../../src/network/summary.js';

describe('summarize', () => {
  // torchvision/models/vgg.py, VGG16_Weights.IMAGENET1K_V1: num_params 138357544, _ops 15.47.
  it("has torchvision's totals for 1,000 classes", () => {
    const { layers, parameters, macs, bytes } = summarize(vgg16());
    expect(parameters).toBe(138_357_544);
    expect((macs / 1e9).toFixed(2)).toBe('15.47');
    expect(bytes).toBe(553_430_176);
    expect(layers).toHaveLength(1 + 13 + 5 + 3);
    expect(layers[0]).toMatchObject({ name: 'input', outputShape: [224, 224, 3] });
    expect(layers.find(({ name }) => name === 'pool5')).toMatchObject({ outputShape: [7, 7, 512], parameters: 0 });
    expect(layers.find(({ name }) => name === 'fc6')).toMatchObject({ outputShape: [4096], parameters: 102_764_544 });
  });

  it('counts a base without classifier', () => {
    expect(summarize({ ...vgg16(), classifier: null }).parameters).toBe(14_714_688);
  });
});
