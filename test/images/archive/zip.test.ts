import { execFileSync } from 'node:child_process';
import { crc32 } from 'node:zlib';
import { expect, test } from 'vitest';
import { collect, find, root, rows, shown, write } from '../folder.js';
import { zip } from './archives.js';

const A = { name: 'a.jpg', body: 'first' };
const B = { name: 'b.jpg', body: 'second' };

test('gives the files that it cannot unpack rows of their own', async () => {
  const file = write(
    'x.zip',
    zip(
      { ...A, flags: 1 },
      { ...A, name: 'b.jpg', method: 12 },
      { ...A, name: 'c.jpg', crc: 1 },
      { ...A, name: 'd.jpg', stored: true, crc: 1 },
      { ...A, name: 'e.jpg', size: 3 },
      { ...A, name: 'f.jpg', size: 9 },
      { ...A, name: 'g.jpg', stored: true, size: 9 },
      { ...A, name: 'h.jpg', size: 1024 ** 3 + 1 },
      { ...A, name: 'i.jpg', stored: true },
    ),
  );
  const codes = (await rows(file)).map(([, code]) => code);
  expect(codes).toEqual([
    'UNSUPPORTED_FORMAT',
    'UNSUPPORTED_FORMAT',
    'DECODE_FAILED',
    'DECODE_FAILED',
    'TOO_LARGE',
    'DECODE_FAILED',
    'DECODE_FAILED',
    'TOO_LARGE',
    'first',
  ]);
});

test('with a bomb that hides its size unpacks no more than it declares', async () => {
  const file = write('x.zip', zip({ name: 'a.jpg', body: Buffer.alloc(150e6), size: 1000 }));
  const before = process.memoryUsage().rss;
  expect(await rows(file)).toEqual([['x.zip/a.jpg', 'TOO_LARGE']]);
  expect(process.memoryUsage().rss - before).toBeLessThan(100e6);
});

test('passes over links and takes the separators of Windows, but not on Unix', async () => {
  const file = write(
    'x.zip',
    zip(
      { name: 'link.jpg', mode: 0o120777 },
      { name: 'unix\\a.jpg', mode: 0o100644 },
      { name: 'windows\\.b\\..\\b.jpg' },
    ),
  );
  expect(await shown({ inputs: [file] })).toEqual(['x.zip/unix\\a.jpg', 'x.zip/windows/b.jpg']);
});

test('cut off anywhere or with bytes changed never does more than give other rows', async () => {
  const whole = zip(A, { ...B, stored: true }, { name: 'c.jpg', body: 'x'.repeat(1000) });
  for (let at = 4; at < whole.length; at += 3) {
    expect((await rows(write('x.zip', whole.subarray(0, at)))).at(-1)).toEqual(['x.zip', 'DECODE_FAILED']);
    const changed = Buffer.from(whole);
    changed.subarray(at, at + 8).fill((at * 37) % 256);
    const outcome = await rows(write('x.zip', changed)).catch((error: Error) => error);
    if (outcome instanceof Error) expect(outcome).toMatchObject({ code: 'NO_INPUTS' });
  }
});

test.each([
  [1, undefined, 'encryption'],
  [0, 9, 'Deflate64'],
  [0, 12, 'bzip2'],
  [0, 14, 'LZMA'],
  [0, 93, 'Zstandard'],
  [0, 98, 'PPMd'],
  [0, 77, 'compression method 77'],
])('names what it does not unpack: flags %s, method %s', async (flags, method, words) => {
  const file = write('x.zip', zip({ ...A, flags, ...(method === undefined ? {} : { method }) }));
  const [found] = await collect({ inputs: [file] });
  expect(found?.member?.content).toMatchObject({
    code: 'UNSUPPORTED_FORMAT',
    message: `Expected a ZIP archive's file that is stored or deflated but received ${words}.`,
  });
});

test('gives what is no file a row, counts links, and passes over folders', async () => {
  const file = write(
    'x.zip',
    zip(
      { name: 'pipe.jpg', mode: 0o010644 },
      { name: 'device.jpg', mode: 0o020644 },
      { name: 'folder.jpg', mode: 0o040755 },
      { name: 'link.jpg', body: 'a.jpg', mode: 0o120777 },
      { ...A, mode: 0o100644 },
      { ...B, mode: 0o644 },
    ),
  );
  const list = await find({ inputs: [file] });
  const found = [];
  for await (const { path, member } of list.files) found.push([path, member?.content]);
  expect(found).toEqual([
    ['x.zip/pipe.jpg', expect.objectContaining({ code: 'UNREADABLE' })],
    ['x.zip/device.jpg', expect.objectContaining({ code: 'UNREADABLE' })],
    ['x.zip/a.jpg', Buffer.from('first')],
    ['x.zip/b.jpg', Buffer.from('second')],
  ]);
  expect(list.passedOver.links).toBe(1);
  const followed = await collect({ inputs: [file], followSymlinks: true });
  expect(followed[2]).toMatchObject({ path: 'x.zip/link.jpg', member: { content: { code: 'UNREADABLE' } } });
});

test('takes the name in UTF-8 that stands beside another, unless that has been changed since', async () => {
  const raw = Buffer.from('caf\x82.jpg', 'latin1'); // é in code page 437
  const extra = (of: Buffer) => {
    const name = Buffer.from('café.jpg');
    const field = Buffer.alloc(9);
    field.writeUInt16LE(0x7075, 0);
    field.writeUInt16LE(5 + name.length, 2);
    field.writeUInt8(1, 4);
    field.writeUInt32LE(crc32(of), 5);
    return Buffer.concat([field, name]);
  };
  const entries = [raw, Buffer.from('other')].map((of) => ({ name: raw, body: 'here', extra: extra(of) }));
  expect(await rows(write('x.zip', zip(...entries)))).toEqual([
    ['x.zip/café.jpg', 'here'],
    ['x.zip/caf\\x82.jpg', 'here'],
  ]);
});

/** Written by Python's zipfile: to a stream, so that sizes follow the data; and with the fields of ZIP64. */
const WRITE_ZIP = `
import io, sys, zipfile
class Pipe(io.RawIOBase):
    def __init__(self, file): self.file = file
    def writable(self): return True
    def write(self, data): return self.file.write(data)
with open(sys.argv[1], "wb") as file, zipfile.ZipFile(Pipe(file), "w", zipfile.ZIP_DEFLATED) as archive:
    archive.writestr("streamed.jpg", "first")
    with archive.open("64.jpg", "w", force_zip64=True) as member: member.write(b"second")
    archive.writestr("twice.jpg", "1")
    archive.writestr("twice.jpg", "2")
    archive.writestr("bzip2.jpg", "third", zipfile.ZIP_BZIP2)
`;

test('of Python, with sizes after the data, ZIP64 and a name twice, is read', async () => {
  execFileSync('python3', ['-W', 'ignore', '-c', WRITE_ZIP, `${root}/x.zip`]);
  expect(await rows(`${root}/x.zip`)).toEqual([
    ['x.zip/streamed.jpg', 'first'],
    ['x.zip/64.jpg', 'second'],
    ['x.zip/twice.jpg', '1'],
    ['x.zip/twice.jpg', '2'],
    ['x.zip/bzip2.jpg', 'UNSUPPORTED_FORMAT'],
  ]);
});
