import { expect, test } from 'vitest';
import { zip } from './archives.js';
import { rows, shown, write } from './folder.js';

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
