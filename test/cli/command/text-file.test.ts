import { expect, test } from 'vitest';
import { textOf } from '../../../src/cli/command/text-file.js';

const TEXT = 'Katze\r\nKäfer 😀\n';
const wide = Buffer.from(`\ufeff${TEXT}`, 'utf16le');

test.each([
  ['UTF-8', Buffer.from(TEXT)],
  ['UTF-8 with a mark', Buffer.from(`\ufeff${TEXT}`)],
  ['UTF-16 with a mark', wide],
  ['UTF-16 in the other byte order', Buffer.from(wide).swap16()],
])('text in %s is read', (_name, bytes) => {
  expect(textOf(bytes, 'labels.txt', 'labels')).toBe(TEXT);
});

test.each([
  ['Latin-1', Buffer.from('Käfer\n', 'latin1')],
  ['UTF-16 that is cut off', wide.subarray(0, -1)],
  ['UTF-16 of the other byte order that is cut off', Buffer.from(wide).swap16().subarray(0, -1)],
  ['UTF-16 with half a character', Buffer.from('\ufeffa\ud83d', 'utf16le')],
])('text in %s is refused by the name of the file', (_name, bytes) => {
  expect(() => textOf(bytes, 'labels.txt', 'labels')).toThrow(
    expect.objectContaining({
      code: 'USAGE',
      message: 'Expected text in UTF-8 in labels.txt for --labels but received bytes in another encoding.',
      hint: expect.stringContaining('iconv'),
    }),
  );
});
