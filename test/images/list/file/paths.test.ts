/** Lists of paths in the encodings that people have, and what is no list. */

import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { checkPathList, readPathList } from '../../../../src/images/list/file/paths.js';
import { root, write } from '../../folder.js';

const START = process.cwd();

/** Entries as text, or the error; the list comes in chunks of `size` bytes. */
async function entries(list: Buffer | string, { nullSeparated = false, size = 65_536 } = {}): Promise<string[]> {
  const found: string[] = [];
  for await (const entry of readPathList(chunks(Buffer.from(list as Buffer), size), { nullSeparated })) {
    found.push(entry.toString('latin1'));
  }
  return found.map((entry) => Buffer.from(entry, 'latin1').toString());
}

async function* chunks(bytes: Buffer, size = 65_536): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield Buffer.from(bytes.subarray(at, at + size));
}

/** Text as Python encodes it. */
function encoded(text: string, encoding: string): Buffer {
  return execFileSync(
    'python3',
    ['-c', 'import sys; sys.stdout.buffer.write(sys.stdin.buffer.read().decode().encode(sys.argv[1]))', encoding],
    {
      input: text,
    },
  );
}

function refusal(message: string | RegExp, hint: string | RegExp) {
  return {
    code: 'USAGE',
    exitCode: 2,
    message: expect.stringMatching(message),
    hint: expect.stringMatching(hint),
  };
}

describe('UTF-16', () => {
  const PATHS = ['photos/cat.jpg', 'Ünïcödé/写真😀.jpg', 'z ਊ.jpg', '😀'];

  test.each([
    ['with a mark, as PowerShell writes it', 'utf-16'],
    ['the other byte order, with a mark', 'utf-16-be-mark'],
    ['without a mark', 'utf-16-le'],
    ['the other byte order, without a mark', 'utf-16-be'],
  ])('%s is read, cut anywhere', async (_name, encoding) => {
    const text = PATHS.join('\r\n');
    const list = encoding === 'utf-16-be-mark' ? encoded(`\ufeff${text}`, 'utf-16-be') : encoded(text, encoding);
    for (const size of [1, 2, 3, 7, 65_536]) expect(await entries(list, { size })).toEqual(PATHS);
  });

  test('that breaks off or has half a character is refused', async () => {
    const list = encoded(PATHS.join('\n'), 'utf-16');
    const lone = Buffer.concat([encoded('a.jpg\nb', 'utf-16'), Buffer.from([0x00, 0xd8]), Buffer.from('.\0j\0')]);
    for (const bad of [list.subarray(0, -1), list.subarray(0, -2), lone]) {
      await expect(entries(bad)).rejects.toMatchObject(refusal('UTF-16 that is damaged or cut off', 'Out-File'));
    }
  });

  test('is refused where NULs are to end the paths, and UTF-32 is always', async () => {
    const list = encoded('a.jpg\r\nb.jpg\r\n', 'utf-16');
    await expect(entries(list, { nullSeparated: true })).rejects.toMatchObject(refusal('lines in UTF-16', '--null'));
    for (const encoding of ['utf-32', 'utf-32-be']) {
      const wide = encoded(encoding === 'utf-32' ? 'a.jpg\n' : '\ufeffa.jpg\n', encoding);
      await expect(entries(wide)).rejects.toMatchObject(refusal('received UTF-32', /^Type iconv -f UTF-32 -t UTF-8/));
    }
  });

  test('is not taken for a list whose names begin with the bytes of a mark, or for paths that end with NUL', async () => {
    const names = ['\xff\xfea.jpg', '\xfe\xffb.jpg'].map((name) => Buffer.from(`${root}/${name}`, 'latin1'));
    for (const name of names) fs.writeFileSync(name, '');
    process.chdir(root);
    try {
      const list = Buffer.from('\xff\xfea.jpg\n\xfe\xffb.jpg\n', 'latin1');
      expect(await entries(list)).toEqual(['��a.jpg', '��b.jpg']);
      expect(await entries('a\0b\0', { nullSeparated: true })).toEqual(['a', 'b']);
    } finally {
      process.chdir(START);
    }
  });
});

describe('another encoding', () => {
  test.each([
    ['windows-1252', 'café.jpg'],
    ['shift_jis', '写真.jpg'],
    ['koi8-r', 'кот.jpg'],
    ['gb18030', '照片.jpg'],
  ])('is refused by its name where its text names a file: %s', async (encoding, name) => {
    write(name);
    write('a.jpg');
    const list = encoded(`${root}/a.jpg\n${root}/${name}\n`, encoding);
    await expect(entries(list)).rejects.toMatchObject(
      refusal(
        `received ${encoding.toUpperCase()} \\(.*\\), which names no file`,
        `^Type iconv -f ${encoding.toUpperCase()} -t UTF-8`,
      ),
    );
  });

  test('is refused where nothing names a file, whatever comes before', async () => {
    const list = encoded('a.jpg\nb.jpg\nü.jpg\n', 'latin-1');
    for (const size of [1, 100]) {
      await expect(entries(list, { size })).rejects.toMatchObject(
        refusal('another encoding \\(\\\\xfc\\.jpg\\), which names no file', 'WINDOWS-1252'),
      );
    }
  });

  test('is what file names are in, once one of them is there', async () => {
    const [there, gone] = ['\xfc', '\xf6'].map((name) => Buffer.from(`${root}/${name}.jpg`, 'latin1'));
    fs.writeFileSync(there as Buffer, '');
    const lines = (...names: (Buffer | undefined)[]) =>
      Buffer.concat(names.flatMap((name) => [name as Buffer, Buffer.from('\n')]));
    expect(await entries(lines(there, gone, gone))).toHaveLength(3);
    expect(await entries(lines(gone, there, gone))).toHaveLength(3);
    expect(await entries(lines(there, gone), { size: 1 })).toHaveLength(2);
    await expect(entries(lines(gone, gone))).rejects.toMatchObject({ code: 'USAGE' });
  });

  test('does not matter where NULs end the paths', async () => {
    expect(await entries(Buffer.from('\xfc.jpg\0', 'latin1'), { nullSeparated: true })).toEqual(['�.jpg']);
  });
});

describe('what is no list of paths', () => {
  const jpeg = fs.readFileSync(new URL('../../../../fixtures/images-odd/grey.jpg', import.meta.url));

  test.each([
    ['a JPEG', jpeg, 'received JPEG', 'Leave out --files-from'],
    ['gzip', gzipSync('a.jpg\nb.jpg\n'), 'received gzip', 'gunzip -c LIST \\|'],
    ['a PNG', Buffer.from('\x89PNG\r\n\x1a\n\0\0\0\rIHDR', 'latin1'), 'received PNG', 'Leave out'],
    ['a page', '<!DOCTYPE html>\n<title>404</title>', 'received HTML', 'a text file'],
    ['paths that end with NUL', 'a.jpg\0b.jpg\0', 'received NUL bytes', '--null'],
    ['lines of an old Mac', 'a.jpg\rb.jpg\r', 'CR alone', "tr '\\\\r' '\\\\n'"],
    ['quotes', '"a b.jpg"\n"c.jpg"\n', 'in quotes, "a b\\.jpg"', `tr -d '"' <`],
    ['other quotes', "'a b.jpg'\n", 'in quotes', `tr -d "'" <`],
    ['URLs of files', 'file:///photos/a%20b.jpg\n', 'URLs of files', 'sed'],
    ['URLs', 'https://example.org/a.jpg\n', 'received URLs', 'wget'],
    ['paths of Windows', 'C:\\photos\\a.jpg\r\n', 'paths of Windows, C:', 'find photos'],
    ['paths with a tilde', '~/photos/a.jpg\n', 'that a shell completes, ~/photos', 'sed "s\\|\\^~\\|\\$HOME'],
    ['a listing of ls', 'total 12\n-rw-r--r-- 1 a a 3 Jan 1 a.jpg\n', 'a listing of more than paths', 'find photos'],
    ['a listing of PowerShell', '\r\n    Directory: C:\\photos\r\n', 'a listing of more', 'Get-ChildItem'],
    ['a long line', `{${'"a.jpg", '.repeat(99)}}`, '…\\.$', 'jq'],
    ['a table', 'path,label\na.jpg,cat\n', 'a table, path,label', "tail -n \\+2 LIST \\| cut -d ',' -f 1 \\|"],
    ['JSON', '["a.jpg","b.jpg"]', 'received JSON', 'jq'],
    ['JSON lines', '{"path":"a.jpg"}\n', 'received JSON', 'jq'],
  ])('%s is refused by a sentence of its own', async (_name, list, message, hint) => {
    await expect(entries(list)).rejects.toMatchObject(refusal(message, hint));
  });

  test.each([
    ['a\tb.jpg', 'a table', 'cut -f 1 LIST'],
    ['"a";1', 'a table', "cut -d ';' -f 1 LIST"],
    ['sub\\c.jpg', 'paths of Windows', "tr '\\\\\\\\' / < LIST"],
  ])('is told by the files that are there: %j', async (line, message, hint) => {
    write('a');
    write('sub/c.jpg');
    process.chdir(root);
    try {
      await expect(entries(`${line}\n`)).rejects.toMatchObject(refusal(message, hint));
    } finally {
      process.chdir(START);
    }
  });

  test('lines where NULs are to end the paths', async () => {
    const list = `${write('a.jpg')}\n${root}/b.jpg\n`;
    await expect(entries(list, { nullSeparated: true })).rejects.toMatchObject(
      refusal('received lines', 'Leave out --null'),
    );
    expect(await entries(`${root}/x\ny\0`, { nullSeparated: true })).toEqual([`${root}/x\ny`]);
  });

  test.each([
    '"a".jpg',
    'a,b.jpg',
    '"quoted"',
    'C:\\x.jpg',
    'path,label',
    '{a}',
    'a\rb',
    'http:',
    'GIF89a.jpg',
    'P5.jpg',
  ])('but names of files may look like it: %j', async (name) => {
    fs.writeFileSync(path.join(root, name), '');
    process.chdir(root);
    try {
      expect(await entries(`${name}\nb.jpg\n`)).toEqual([name, 'b.jpg']);
    } finally {
      process.chdir(START);
    }
  });

  test.each(['P5010001.JPG', 'GIF89a.gif', 'BZh.jpg', 'a,b.jpg', 'a;b', '{a}.jpg', '(1).jpg'])(
    'nor does a file that is gone: %j',
    async (name) => {
      expect(await entries(`${name}\nb.jpg\n`)).toEqual([name, 'b.jpg']);
    },
  );

  test('is told by the first line alone: any other is an entry', async () => {
    const list = ['a.jpg', 'path,label', '"b.jpg"', 'https://example.org/c.jpg'];
    expect(await entries(list.join('\n'))).toEqual(list);
  });
});

describe('a list in a file', () => {
  test('is looked at before the run: its first line, and all of it where it is not in UTF-8', async () => {
    const check = async (list: Buffer) => {
      const handle = await fs.promises.open(write('list.txt', list));
      await checkPathList(handle, { nullSeparated: false }).finally(() => handle.close());
    };
    await check(Buffer.from('a.jpg\nü.jpg\n'));
    await check(encoded('a.jpg\nü.jpg\n', 'utf-16'));
    await expect(check(Buffer.from('"a.jpg"\n'))).rejects.toMatchObject({ code: 'USAGE' });
    const late = Buffer.concat([Buffer.from('a.jpg\n'.repeat(50_000)), Buffer.from('\xfc.jpg\n', 'latin1')]);
    await expect(check(late)).rejects.toMatchObject({ code: 'USAGE', message: expect.stringContaining('\\xfc.jpg') });
  });
});
