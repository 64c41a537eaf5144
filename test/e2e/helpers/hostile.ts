/** Names and files as an attacker would make them. */

import { readFileSync, writeFileSync } from 'node:fs';
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
