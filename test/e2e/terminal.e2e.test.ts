/**
 * What a terminal shows: names of files, a model's card, labels and configurations are other people's text, and none of
 * it may reach the terminal as a command to it. In a pipe or a file the same text is the data, as it is.
 */

import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { SOAK } from '../soak.js';
import { CAT, MINI, place, temporaryFolder } from './helpers/folder.js';
import { DISTURBING, HOSTILE_TEXTS, writeHostileModel } from './helpers/hostile.js';
import { vgg16 } from './helpers/program.js';
import { csvRows, jsonRows } from './helpers/rows.js';
import { onTerminal } from './helpers/terminal.js';

const folder = temporaryFolder();
const model = join(folder, 'model.safetensors');
const [TITLE, , TURNED] = HOSTILE_TEXTS;
const QUIET_BAR = '--no-progress';

beforeAll(() => {
  for (const text of HOSTILE_TEXTS) place(join(folder, 'photos', `${text}.jpg`));
  copyFileSync(CAT, Buffer.concat([Buffer.from(join(folder, 'photos/k')), Buffer.from([0xff]), Buffer.from('.jpg')]));
  for (const text of HOSTILE_TEXTS) writeFileSync(join(folder, 'photos', `${text}.broken.png`), text);
  writeHostileModel(model);
  mkdirSync(join(folder, 'cache', 'models'), { recursive: true });
  writeFileSync(join(folder, 'cache', 'models', `${TITLE}.safetensors`), '');
  const result = { part: 'model', precision: TITLE, batchSize: 1, threads: 1, workers: null, status: 'error' };
  const report = (name: string, key: string, code: string) => ({
    ...{ tool: 'vgg16', command: 'benchmark', v: 1 },
    machine: { cpu: { model: name }, threads: { available: 1 }, versions: { [key]: name } },
    model: { name, source: name },
    settings: { images: { kind: name, count: 1, bytes: 1 }, [key]: name },
    results: [{ ...result, error: { code, message: name } }],
  });
  writeFileSync(join(folder, 'a.json'), JSON.stringify(report(TITLE, TURNED, TITLE)));
  writeFileSync(join(folder, 'b.json'), JSON.stringify(report(TURNED, TITLE, TURNED)));
  // The sixth text has a line end of its own.
  writeFileSync(join(folder, 'labels.txt'), [...HOSTILE_TEXTS, 'x', 'y'].join('\n'));
  writeFileSync(join(folder, 'key.json'), JSON.stringify({ [TITLE]: 1 }));
  writeFileSync(join(folder, 'value.json'), JSON.stringify({ 'top-k': `${TITLE}${TURNED}` }));
  writeFileSync(join(folder, 'damaged.json'), `{"${TURNED}": \u009B`);
  writeFileSync(join(folder, `part${TITLE}.csv`), 'path,status\n');
});

const BRIEF = ['--parts', 'decode', '--runs', '1', '--warm-up', '0', '-b', '1'];

/** Each with its exit code, which says that it ran as far as it should. */
const COMMANDS: readonly (readonly [name: string, args: readonly string[], code: number])[] = [
  ['a table', ['classify', 'photos', '-m', model, '-v'], 3],
  ['a table of classes', ['classify', 'photos', '-m', model, '--long', '-k', '10'], 3],
  ['CSV', ['classify', 'photos', '-m', model, '--format', 'csv'], 3],
  ['JSON lines', ['classify', 'photos', '-m', model, '--format', 'jsonl'], 3],
  ['the talk of a run', ['classify', 'photos', '-m', model, '-v', '-k', '20', '-o', `${TITLE}.csv`], 3],
  ['a summary', ['classify', 'photos', '-m', model, '--json', '-q', '-o', `${TURNED}.csv`], 3],
  ['--on-error fail', ['classify', 'photos', '-m', 'mini', '-v', '--on-error', 'fail', '-o', 'x.csv'], 3],
  ['--dry-run', ['classify', 'photos', '-n'], 0],
  ['activations as CSV', ['extract', 'photos', '-m', model, '-l', 'logits', '--format', 'csv', '-v'], 3],
  ['activations as JSON lines', ['extract', 'photos', '-m', model, '-l', 'logits', '--format', 'jsonl'], 3],
  ['export', ['export', 'photos', '-m', model, '-o', `${TITLE}set`, '-v'], 3],
  ['merge', ['merge', `part${TITLE}.csv`, '-o', `${TITLE}all.csv`], 2],
  ['an input that is missing', ['classify', `${TITLE}none.jpg`, '-m', 'mini', '-v'], 4],
  ['a model that is missing', ['classify', 'photos', '-m', `${TITLE}${TURNED}`, '-v', '--json', '-o', 'y.csv'], 5],
  ['model inspect', ['model', 'inspect', model], 0],
  ['model inspect --json', ['model', 'inspect', model, '--json'], 0],
  ['labels', ['model', 'inspect', 'mini', '--labels', 'labels.txt'], 0],
  ['model import', ['model', 'import', model, '-o', `${TITLE}imported.safetensors`], 0],
  ['model import by its own name', ['model', 'import', model, '-v'], 2],
  ['model import --json', ['model', 'import', model, '-o', `${TURNED}imported.safetensors`, '--json'], 0],
  ['model verify', ['model', 'verify', model], 0],
  ['model verify --against', ['model', 'verify', model, 'photos', '--against', MINI], 3],
  ['model list', ['model', 'list', '--cache-dir', 'cache', '--json'], 0],
  ['doctor', ['doctor', '--cache-dir', 'cache'], 0],
  ['doctor --json', ['doctor', '--cache-dir', 'cache', '--json'], 0],
  ['benchmark compare', ['benchmark', 'compare', 'a.json', 'b.json'], 0],
  ['benchmark compare --json', ['benchmark', 'compare', 'a.json', 'b.json', '--json', '--min-ratio', '1'], 6],
  ['benchmark', ['benchmark', 'photos', '-m', model, ...BRIEF], 0],
  ['benchmark --csv', ['benchmark', 'photos', '-m', model, ...BRIEF, '--csv'], 0],
  ['benchmark --json', ['benchmark', 'photos', '-m', model, ...BRIEF, '--json'], 0],
  ['model quantize', ['model', 'quantize', model, '--calibrate', 'photos', '-o', `${TITLE}i8.safetensors`], 0],
  ['model export', ['model', 'export', model, '-o', `${TITLE}.onnx`, '--verify', 'photos'], 0],
  ["a configuration's key", ['doctor', '--config', 'key.json', '-v'], 2],
  ["a configuration's value", ['classify', 'photos', '--config', 'value.json', '-v'], 2],
  ['a damaged configuration', ['doctor', '--config', 'damaged.json', '-v', '--json'], 2],
  ['a flag that is none', ['classify', `--${TITLE}`], 2],
  ['a value that is none', ['classify', 'photos', '--top-k', TITLE, '--json'], 2],
  ['a command that is none', [`${TITLE}${TURNED}.jpg`], 2],
  ['the help of one', [`${TITLE}${TURNED}.jpg`, '--help'], 2],
];

/** One of each way in which a command writes; `npm run test:soak` tries all. */
const FEW = new Set([
  'a table',
  'CSV',
  'the talk of a run',
  'a summary',
  '--on-error fail',
  '--dry-run',
  'activations as JSON lines',
  'merge',
  'a model that is missing',
  'model inspect',
  'model inspect --json',
  'model import',
  'doctor',
  'benchmark compare',
  "a configuration's key",
  'a value that is none',
  'a command that is none',
]);

/** Commands that have no bar, or no flag to leave it out. */
const WITHOUT_BAR =
  /^(model (inspect|import|list|export|quantize)|doctor|labels|benchmark compare|a (configuration|damaged|command)|the help)/;

/** What cli-progress draws with: cursor on, off, kept and to a column, clearing, line wrap. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: its own escapes
const BAR = /\u001B([78]|\[(\?(25|7)[hl]|\d*G|[0-2]?[JK]|\d*[ABCD]))/g;

const withoutBar = (text: string) => text.replace(BAR, '').replaceAll('\r', '');

describe('on a terminal nothing that strangers wrote is more than text:', () => {
  it.each(COMMANDS.filter(([name]) => SOAK || FEW.has(name)))('%s', async (name, args, code) => {
    const screen = await onTerminal(WITHOUT_BAR.test(name) ? args : [...args, QUIET_BAR], { cwd: folder });
    expect(screen.text).not.toBe('');
    const text = name === 'model quantize' ? withoutBar(screen.text) : screen.text;
    expect(text.split('\n').filter((line) => DISTURBING.test(line))).toEqual([]);
    expect(screen.code, screen.text).toBe(code);
  });

  it('JSON stays the same JSON', async () => {
    const [screen, piped] = [
      await onTerminal(['classify', 'photos', '-m', model, '--format', 'jsonl', '-q'], { cwd: folder }),
      await vgg16(['classify', 'photos', '-m', model, '--format', 'jsonl', '-q'], { cwd: folder }),
    ];
    expect(jsonRows(screen.text)).toEqual(jsonRows(piped.stdout));
  });

  it('around the bar, too', async () => {
    const screen = await onTerminal(['classify', 'photos', '-m', model, '-o', 'bar.csv'], { cwd: folder });
    const text = withoutBar(screen.text);
    expect(text.split('\n').filter((line) => DISTURBING.test(line))).toEqual([]);
    expect(text).toContain('photos/a\\e]0;owned\\x07.broken.png: ');
  });
});

describe('in a pipe the names are the data as it is', () => {
  const NAMES = HOSTILE_TEXTS.map((text) => `photos/${text}.jpg`);

  it('in CSV', async () => {
    const { stdout } = await vgg16(['classify', 'photos', '-m', model, '--format', 'csv', '-q'], { cwd: folder });
    expect(csvRows(stdout).map(({ path }) => path)).toEqual(expect.arrayContaining(NAMES));
  });

  it('in a list', async () => {
    const { stdout } = await vgg16(['classify', 'photos', '-n', '-q'], { cwd: folder });
    for (const name of NAMES) expect(stdout.toString()).toContain(`${name}\n`);
  });
});
