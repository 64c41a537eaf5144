import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { CAT, ODD, temporaryFolder } from './helpers/folder.js';
import { runClassify, runCommand } from './helpers/host.js';
import { PROGRAM, startProgram } from './helpers/program.js';
import { csvRows, jsonRows } from './helpers/rows.js';

const folder = temporaryFolder();

/** Names that are text, as they must come back. */
const TEXT = [
  'a\nb.jpg',
  'say "cheese", please.jpg',
  '\u001b[2J\u001b]0;owned\u0007.jpg',
  '=1+1.jpg',
  'cr\rlf.jpg',
  'ünï 日本 👩‍👧.jpg',
  ' .jpg',
  '*.jpg',
  '--help.jpg',
];

/** A name that is no UTF-8, and how it is shown. */
const BYTES = Buffer.from([0x66, 0xff, 0xfe, 0x2e, 0x6a, 0x70, 0x67]);
const SHOWN = String.raw`f\xff\xfe.jpg`;

/** Some file systems take UTF-8 only. */
let takesBytes = true;

/** Control characters that could steer a terminal, C1 included; the program's own line ends are none. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROLS = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/;

beforeAll(() => {
  for (const name of TEXT) copyFileSync(CAT, join(folder, name));
  try {
    copyFileSync(CAT, Buffer.concat([Buffer.from(`${folder}/`), BYTES]));
  } catch {
    takesBytes = false;
  }
  // One that fails, so that stderr has to name it.
  copyFileSync(join(ODD, 'truncated.jpg'), join(folder, '\u001b[31mred\n.jpg'));
});

const NAMES = () => [...TEXT, '\u001b[31mred\n.jpg', ...(takesBytes ? [SHOWN] : [])].sort();

describe('strange names', () => {
  it('come back from CSV and JSONL as they are, one row each', async () => {
    const csv = await runCommand(['classify', '-m', 'mini', '-k1', '.'], { cwd: folder });
    const json = await runClassify(['.', '-k1', '--format', 'jsonl'], { cwd: folder });
    expect([csv.code, json.code]).toEqual([3, 3]);
    expect(
      csvRows(csv.stdout)
        .map(({ path }) => path)
        .sort(),
    ).toEqual(NAMES());
    expect(
      jsonRows(json.stdout)
        .map(({ path }) => path)
        .sort(),
    ).toEqual(NAMES());
    expect(csv.stderr).toContain(String.raw`\e[31mred\n.jpg: DECODE_FAILED`);
    expect(csv.stderr).not.toMatch(CONTROLS);
  });

  it('can be named as arguments and in lists, the bytes that are no UTF-8 too', async () => {
    const paths = [
      ...TEXT.map((name) => Buffer.from(`./${name}`)),
      ...(takesBytes ? [Buffer.from([...Buffer.from('./'), ...BYTES])] : []),
    ];
    const shown = [...TEXT, ...(takesBytes ? [SHOWN] : [])];
    const list = Buffer.concat(paths.map((path) => Buffer.concat([path, Buffer.of(0)])));
    const listed = await runClassify(['--files-from', '-', '-0', '-k1', '--format', 'jsonl'], {
      cwd: folder,
      input: list,
    });
    expect(listed.code, listed.stderr).toBe(0);
    expect(jsonRows(listed.stdout).map(({ path }) => path)).toEqual(shown);

    // Node cannot pass such bytes to a child; xargs can.
    writeFileSync(join(folder, 'list.txt'), list);
    const command = 'xargs -0 "$@" < list.txt';
    const words = [
      '-c',
      command,
      'sh',
      process.execPath,
      PROGRAM,
      'classify',
      '-q',
      '-m',
      'mini',
      '-k1',
      '--format',
      'jsonl',
    ];
    const named = await startProgram('sh', words, { cwd: folder, input: '' }).done;
    expect(named.code, named.stderr).toBe(0);
    expect(
      jsonRows(named.stdout)
        .map(({ path }) => path)
        .sort(),
    ).toEqual([...shown].sort());
  });

  const hasScript = spawnSync('script', ['-qec', 'true', '/dev/null']).status === 0;
  it.skipIf(!hasScript)('do not reach a terminal as they are: the table and stderr show them', async () => {
    const words = [process.execPath, PROGRAM, 'classify', '.', '-m', 'mini', '-k1', '--no-color', '--no-progress'];
    const command = `stty cols 120; ${words.map((word) => `'${word}'`).join(' ')}`;
    const { stdout, code } = await startProgram('script', ['-qec', command, '/dev/null'], {
      cwd: folder,
      input: '',
      env: { TERM: 'xterm' },
    }).done;
    const text = stdout.toString();
    expect(code, text).toBe(3);
    expect(text.replaceAll('\r\n', '\n')).not.toMatch(CONTROLS);
    const lines = text.trimEnd().split('\r\n');
    expect(lines[0]).toMatch(/^path +label +score$/);
    // Long paths are shortened at their beginning.
    for (const name of ['a\\nb.jpg', '\\x07.jpg', '", please.jpg', '=1+1.jpg', '\\rlf.jpg']) {
      expect(
        lines.some((line) => line.includes(name)),
        text,
      ).toBe(true);
    }
    // A heading, one line an image, one line at the end; the list of the test before is passed over, with a note.
    expect(lines.filter((line) => !line.startsWith('note: '))).toHaveLength(NAMES().length + 2);
  });

  it('do not break sentences about them', async () => {
    const run = await runCommand(['classify', '-m', 'mini', 'no\nsuch\u001b[31m.jpg'], { cwd: folder });
    expect(run.code).toBe(4);
    expect(run.stderr).not.toMatch(CONTROLS);
    expect(run.stderr.split('\n')[0]).toMatch(
      /^error: Expected images in .*no.*such.* but there is no such file or folder\.$/,
    );
    expect(existsSync(join(folder, 'no\nsuch\u001b[31m.jpg'))).toBe(false);
  });
});
