import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Architecture } from '../../src/network/architecture.js';
import { rawSafetensors, safetensors, slimShapes, storedZip } from '../formats/files.js';
import { CAT, MINI, temporaryFolder } from './helpers/folder.js';
import { runClassify, runCommand } from './helpers/host.js';
import { ROOT, type RunOptions } from './helpers/program.js';
import { expectOneSentence } from './helpers/rows.js';

const folder = temporaryFolder();
const file = (name: string) => join(folder, name);
const WITNESS = file('witness');

/** A pickle that runs `touch WITNESS` in whoever unpickles it. */
const MALICIOUS = Buffer.from(`\x80\x02cos\nsystem\nX${lengthOf(`touch ${WITNESS}`)}touch ${WITNESS}\x85R.`, 'latin1');

function lengthOf(text: string): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(text.length);
  return bytes.toString('latin1');
}

/** VGG-19 has a fourth convolution in the last three blocks. */
function vgg19Shapes(): ReturnType<typeof slimShapes> {
  const shapes: ReturnType<typeof slimShapes> = {};
  [0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34].forEach((index, i) => {
    shapes[`features.${index}.weight`] = { shape: [2, i === 0 ? 3 : 2, 3, 3] };
    shapes[`features.${index}.bias`] = { shape: [2] };
  });
  const classifier = Object.entries(slimShapes()).filter(([name]) => name.startsWith('classifier'));
  return { ...shapes, ...Object.fromEntries(classifier) };
}

/** mini with its card changed, its tensors as they are. */
function miniWith(change: (card: Record<string, unknown>) => void): Buffer {
  const bytes = readFileSync(MINI);
  const headerEnd = 8 + Number(bytes.readBigUInt64LE());
  const header = JSON.parse(bytes.subarray(8, headerEnd).toString());
  const card = JSON.parse(header.__metadata__.card);
  change(card);
  header.__metadata__.card = JSON.stringify(card);
  return rawSafetensors(JSON.stringify(header), bytes.subarray(headerEnd));
}

/** mini with its last weight replaced by a float32. */
function miniEndingWith(value: number): Buffer {
  const bytes = Buffer.from(readFileSync(MINI));
  const headerEnd = 8 + Number(bytes.readBigUInt64LE());
  const header = JSON.parse(bytes.subarray(8, headerEnd).toString()) as Record<string, { dtype?: string }>;
  const half = Object.values(header).some(({ dtype }) => dtype === 'F16');
  if (half) bytes.writeUInt16LE(0x7e00, bytes.length - 2);
  else bytes.writeFloatLE(value, bytes.length - 4);
  return bytes;
}

/** What is wrong with the file → its name, its bytes, and what the sentence says. */
const FILES: readonly (readonly [string, string, () => Buffer | string, RegExp])[] = [
  ['that is truncated', 'cut.safetensors', () => readFileSync(MINI).subarray(0, -1), /truncated/],
  ['that is truncated in its header', 'head.safetensors', () => readFileSync(MINI).subarray(0, 100), /truncated/],
  ['that is empty', 'empty.safetensors', () => '', /is empty/],
  [
    'whose header claims 2^60 bytes',
    'huge.safetensors',
    () => rawSafetensors('{}', Buffer.alloc(0), 2n ** 60n),
    /1152921504606846976/,
  ],
  ['of VGG-19', 'vgg19.safetensors', () => safetensors(vgg19Shapes()), /VGG-19|vgg19|features\.\d+/],
  [
    'of another network',
    'net.safetensors',
    () => safetensors({ 'layer1.weight': { shape: [4, 4] } }),
    /layer1\.weight/,
  ],
  ['with a NaN', 'nan.safetensors', () => miniEndingWith(Number.NaN), /NaN|finite/],
  [
    'with a wrong number of labels',
    'labels.safetensors',
    () => miniWith((card) => Object.assign(card, { labels: ['cat'] })),
    /labels/,
  ],
  [
    'whose card does not fit its tensors',
    'card.safetensors',
    () =>
      miniWith(({ architecture }) => Object.assign((architecture as Architecture).classifier as object, { fc7: 7 })),
    /does not fit its tensors/,
  ],
  ['that is text', 'text.safetensors', () => 'Not a model at all.\n'.repeat(20), /text\.safetensors/],
  ['that is a photograph', 'photo.pth', () => readFileSync(CAT), /not recognised/],
  [
    'that is HDF5',
    'keras.h5',
    () => Buffer.concat([Buffer.from('\x89HDF\r\n\x1a\n', 'latin1'), Buffer.alloc(99)]),
    /HDF5/,
  ],
  [
    'whose pickle runs a command',
    'evil.pth',
    () => storedZip({ 'archive/data.pkl': MALICIOUS, 'archive/version': Buffer.from('3\n') }),
    /os|system|posix/,
  ],
  ['that is a pickle which runs a command', 'evil-legacy.pth', () => MALICIOUS, /pickle/],
];

beforeAll(() => {
  for (const [, name, bytes] of FILES) writeFileSync(file(name), bytes());
});

/** Classifies one photograph with another model than mini. */
function withModel([model, ...more]: readonly string[], options: RunOptions = {}) {
  return runCommand(['classify', CAT, '--quiet', '--model', model as string, ...more], options);
}

describe('a model file', () => {
  it.each(FILES)('%s is refused with 5 and one sentence, and no output appears', async (_what, name, _bytes, says) => {
    const run = await withModel([file(name), '-o', file('out.csv')]);
    expect(expectOneSentence(run, 5)).toMatch(says);
    expect(readdirSync(folder).filter((entry) => entry.startsWith('out.csv'))).toEqual([]);
    const inspected = await runCommand(['model', 'inspect', file(name), '--json']);
    // Weights themselves are not read there.
    if (name !== 'nan.safetensors')
      expect(JSON.parse(inspected.stdout.toString()).error).toMatchObject({ exitCode: 5 });
  });

  it('runs no command that a pickle holds, though the pickle would', () => {
    expect(existsSync(WITNESS)).toBe(false);
    execFileSync('python3', [
      '-c',
      'import pickle, sys; pickle.load(open(sys.argv[1], "rb"))',
      file('evil-legacy.pth'),
    ]);
    expect(existsSync(WITNESS)).toBe(true);
  });

  it('with fewer or more names than classes in --labels is refused', async () => {
    writeFileSync(file('nine.txt'), 'one\n'.repeat(9));
    const run = await runClassify([CAT, '--labels', file('nine.txt')]);
    expect(expectOneSentence(run, 5)).toBe('Expected 10 labels, one for each class of mini, but received 9.');
  });

  it('that is not there: the known models are named; imagenet: how to get it', async () => {
    const [gone, imagenet] = await Promise.all([
      withModel([join(ROOT, 'gone.safetensors')]),
      withModel(['imagenet', '--offline', '--cache-dir', folder], { env: { TORCH_HOME: folder } }),
    ]);
    expect(expectOneSentence(gone, 5)).toContain('gone.safetensors');
    expect(gone.stderr).toMatch(/^hint: Known models: .*mini/m);
    expect(expectOneSentence(imagenet, 5)).toContain('the network is not to be used');
    expect(imagenet.stderr).toMatch(/^hint: Leave --offline .*vgg16 model import/m);
  });
});
