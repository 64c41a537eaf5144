/** Into what a model is exported. */

import { EXPORT_FORMATS } from '../../models/export-formats.js';
import { filled, group, oneOf, parseDecimal, repeatable, value } from './values.js';

export const exportModelFlags = group('EXPORT', {
  format: value(oneOf(EXPORT_FORMATS), {
    helpValue: EXPORT_FORMATS.join('|'),
    summary: "Default: by the output's extension (.onnx, .safetensors, .pth, .pt, .keras).",
  }),
  outputs: value(filled('layers with commas between'), {
    helpValue: 'LAYERS',
    summary: 'Layers that the exported network gives, with commas between: fc7,logits; default: logits.',
  }),
  precision: value(oneOf(['f32', 'f16', 'bf16']), {
    helpValue: 'f32|f16|bf16',
    default: 'f32',
    summary: 'Type in which the weights are stored.',
  }),
  verify: repeatable(filled('files, folders or globs'), {
    helpValue: 'IMAGES',
    summary: 'Run what was written over these images, and compare with the model; can be given again.',
  }),
  'max-diff': value((text) => parseDecimal(text, { min: 0, max: Number.MAX_VALUE }), {
    helpValue: 'X',
    summary: 'With --verify: largest |Δ| as a share of the largest output; default 1e-4; 0.01 for f16, 0.05 for bf16.',
  }),
});
