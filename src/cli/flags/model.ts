/** Which network, and what it must be fed: shared by every command that runs a model. */

import { networkFlags } from './session.js';
import { filled, group, oneOf, toggle, value, whole } from './values.js';

/** Seeds are 32-bit. */
const MAX_SEED = 2 ** 32 - 1;

/** More classes than any published classifier has; 4 bytes × 4096 × this is 4 GB of fc8. */
export const MAX_CLASSES = 262_144;

const ownFlags = group('MODEL', {
  model: value(filled('the name of a model or a weight file'), {
    char: 'm',
    helpValue: 'NAME|PATH',
    default: 'imagenet',
    summary: 'A name of vgg16 model list (downloaded once), mini (ships with the tool), random, or a weight file.',
  }),
  labels: value(filled('a file'), {
    helpValue: 'FILE',
    summary: "Names of the classes: one a line, CSV or JSON; in place of the model's own.",
  }),
  preset: value(oneOf(['torchvision', 'keras', 'caffe']), {
    helpValue: 'torchvision|keras|caffe',
    summary: 'Preprocessing that the weights were trained with, where the file does not say.',
  }),
  seed: value(whole({ min: 0, max: MAX_SEED }), {
    helpValue: 'N',
    summary: 'Seed of the weights of --model random; default 0.',
  }),
  'num-classes': value(whole({ min: 1, max: MAX_CLASSES }), {
    helpValue: 'N',
    summary: 'Classes of --model random (default 1000); of another model: as many as it must have.',
  }),
});

export const modelFlags = { ...ownFlags, ...networkFlags };

export const imageFlags = group('MODEL', {
  'auto-orient': toggle({
    allowNo: true,
    default: true,
    summary: 'Turn photos upright by their EXIF or XMP; off: as stored, and TIFF turned, as Pillow loads them.',
  }),
  decode: value(oneOf(['exact', 'fast']), {
    helpValue: 'exact|fast',
    default: 'exact',
    summary: 'exact: the pixels that PIL would give; fast: let the JPEG decoder reduce large photos.',
  }),
});
