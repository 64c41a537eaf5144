/** Small text files that people write by hand, whose encoding nothing says. */

import { usageError } from '../../errors.js';

/**
 * UTF-8, or UTF-16 with a byte order mark, as PowerShell's `>` writes it. Throws a usage error for other bytes: text in
 * another encoding would otherwise come out as other letters. `flag` is the one that names the file, for the message.
 */
export function textOf(bytes: Buffer, file: string, flag: string): string {
  const mark = bytes.toString('latin1', 0, 2);
  const isWide = mark === '\xff\xfe' || mark === '\xfe\xff';
  try {
    // TextDecoder knows the other byte order only where Node has all of ICU; half a character throws here, too.
    const data = mark === '\xfe\xff' ? Buffer.from(bytes).swap16() : bytes;
    return new TextDecoder(isWide ? 'utf-16le' : 'utf-8', { fatal: true }).decode(data);
  } catch {
    throw usageError(
      `Expected text in UTF-8 in ${file} for --${flag} but received bytes in another encoding.`,
      `Type iconv -f WINDOWS-1252 -t UTF-8 ${file} > utf8.txt, with the encoding of the file.`,
    );
  }
}
