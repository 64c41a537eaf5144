/** Names and files as an attacker would make them. */

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { constants, lstatSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { MINI } from './folder.js';

/** Sets a terminal's title, goes back over the line, turns the writing direction, changes colours by C1, and more. */
export const HOSTILE_TEXTS = [
  'a\u001B]0;owned\u0007',
  'b\rgone',
  'c\u202Egpj.exe',
  'd\u009B31mred\u0085',
  'e\nf,ok,1,1',
  'g\u200B\u2066h\u2069',
  'i\u007F\u0008j',
] as const;

/** What no line for a terminal may hold; its line ends are taken out before. */
export const DISTURBING = /(?![\u200C\u200D])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;

/** A copy of the model that ships with the tool, whose card says hostile things wherever it may say anything. */
export function writeHostileModel(path: string): string {
  const bytes = readFileSync(MINI);
  const length = Number(bytes.readBigUInt64LE());
  const header = JSON.parse(bytes.toString('utf8', 8, 8 + length));
  const card = JSON.parse(header.__metadata__.card);
  const [title, back, turned, colours, lines, hidden, erased] = HOSTILE_TEXTS;
  Object.assign(card, { name: `${title}${erased}`, license: turned, source: `${colours}${back}` });
  card.preset.name = `${title}${turned}${colours}`;
  card.labels = card.labels.map((label: string, i: number) => `${label}${HOSTILE_TEXTS[i % HOSTILE_TEXTS.length]}`);
  card.accuracy.on = `${lines}${hidden}`;
  header.__metadata__.card = JSON.stringify(card);
  const text = Buffer.from(JSON.stringify(header));
  const padded = Buffer.concat([text, Buffer.alloc((8 - (text.length % 8)) % 8, ' ')]);
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(padded.length));
  writeFileSync(path, Buffer.concat([size, padded, bytes.subarray(8 + length)]));
  return path;
}

/** argv: the archives' folder, an absolute path to escape to, a sound photo. */
const ARCHIVES = `
import io, os, stat, sys, tarfile, zipfile
folder, outside, photo = sys.argv[1:]
content = open(photo, 'rb').read()

with tarfile.open(os.path.join(folder, 'trap.tar'), 'w') as tar:
    def add(name, kind=tarfile.REGTYPE, link='', body=b''):
        info = tarfile.TarInfo(name)
        info.type, info.linkname, info.size = kind, link, len(body)
        tar.addfile(info, io.BytesIO(body))
    add('../escape.jpg', body=content)
    add('../../outside/victim.jpg', body=content)
    add(outside + '/absolute.jpg', body=content)
    add('way', tarfile.SYMTYPE, '../outside')
    add('way/through.jpg', body=content)
    add('secret.jpg', tarfile.SYMTYPE, '../outside/secret.jpg')
    add('hard.jpg', tarfile.LNKTYPE, '../outside/secret.jpg')
    add('absolute-hard.jpg', tarfile.LNKTYPE, outside + '/secret.jpg')
    add('zero.jpg', tarfile.CHRTYPE)
    add('pipe.jpg', tarfile.FIFOTYPE)
    add('a/../../b\\x1b]0;x\\x07.jpg', body=content)

with zipfile.ZipFile(os.path.join(folder, 'trap.zip'), 'w') as archive:
    for name in ['../escape.jpg', outside + '/absolute.jpg', '..\\\\\\\\windows.jpg', 'C:/drive.jpg']:
        archive.writestr(name, content)
    link = zipfile.ZipInfo('secret.jpg')
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    archive.writestr(link, '../outside/secret.jpg')
`;

/** `trap.tar` and `trap.zip`, whose members go up, begin at the root, or are links to files that nobody may read. */
export function writeHostileArchives(folder: string, outside: string, photo: string): void {
  execFileSync('python3', ['-c', ARCHIVES, folder, outside, photo]);
}

/** Of everything below a folder, in order: kind, permissions, size, time of the last change, and content or target. */
export function snapshot(root: string, leftOut: readonly string[]): string[] {
  const lines: string[] = [];
  const visit = (path: Buffer) => {
    const shown = path.toString('latin1');
    if (leftOut.includes(shown)) return;
    const { mode, size, mtimeNs, nlink } = lstatSync(path, { bigint: true });
    const kind = Number(mode) & constants.S_IFMT;
    const own = kind === constants.S_IFDIR ? '' : `${size} ${nlink}`;
    const content =
      kind === constants.S_IFREG
        ? createHash('sha256').update(readFileSync(path)).digest('hex')
        : kind === constants.S_IFLNK
          ? readlinkSync(path)
          : '';
    lines.push(`${shown}: ${Number(mode).toString(8)} ${mtimeNs} ${own} ${content}`);
    if (kind !== constants.S_IFDIR) return;
    const names = readdirSync(path, { encoding: 'buffer' }) as unknown as Buffer[];
    for (const name of names.sort(Buffer.compare)) visit(Buffer.concat([path, Buffer.from('/'), name]));
  };
  visit(Buffer.from(root, 'latin1'));
  return lines;
}
