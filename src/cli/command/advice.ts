/** What to do, as it is typed: the flags of what the rest of the code says in words. */

import { ADVICE } from '../../errors.js';

const TYPED: Readonly<Record<keyof typeof ADVICE, string>> = {
  namePreset: 'Add --preset torchvision or --preset keras or --preset caffe: what the weights were trained with.',
  noPreset: 'Leave --preset out.',
  noClasses: '--num-classes is for --model random; leave it out here.',
  allowNetwork: 'Leave --offline (VGG16_OFFLINE) out',
  otherCache: 'name another folder by --cache-dir DIR',
  takeMini: '--model mini ships with the tool and needs no file.',
  lessWork: 'less work at a time: -b 1 -j 1',
  leastMemory: '-b 1 -j 1 takes least.',
  calibrate: ' --calibrate IMAGES… -o FILE',
  useF32: 'Use --precision f32.',
  tryInt8: '--precision int8 is',
  tryBf16: '--precision bf16 is',
  tryF32: '--precision f32 is',
  takeExtensions: 'Use --ext to take other extensions.',
  orExtensions: 'or use --ext for other extensions',
  checkExcluded: 'Check the globs given to --exclude.',
  followLinks: 'Use --follow-symlinks to follow links.',
};

/** A hint or a notice with the flags that it is about. */
export function typed(text: string): string {
  let result = text;
  for (const [name, words] of Object.entries(ADVICE)) {
    result = result.replaceAll(words, TYPED[name as keyof typeof ADVICE]);
  }
  return result;
}
