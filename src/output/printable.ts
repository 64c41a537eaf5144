/**
 * Text that is safe on a terminal: file names and labels are other people's data, and an escape sequence in one could
 * move the cursor, change the title or hide a name. Files (CSV, JSONL) keep the data as it is.
 */

/**
 * Controls (ESC, newline, C1), invisible format characters (writing direction, zero width), lone surrogates, line and
 * paragraph separators; but not the joiners U+200C and U+200D, which emoji and several scripts need.
 */
const UNSAFE = /(?![\u200C\u200D])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

const NAMED: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t', '\u001B': '\\e' };

/** `text` with each character that could disturb a terminal shown as an escape: `\n`, `\e`, `\x07`, `\u202e`. */
export function printable(text: string): string {
  return text.replace(UNSAFE, (character) => {
    const code = character.codePointAt(0) ?? 0;
    const hex = code.toString(16);
    if (code > 0xffff) return `\\u{${hex}}`;
    return NAMED[character] ?? (code < 0x100 ? `\\x${hex.padStart(2, '0')}` : `\\u${hex.padStart(4, '0')}`);
  });
}

/** JSON with the same characters as JSON's own escapes: still the same JSON. The line ends between its values stay. */
export function printableJson(json: string): string {
  return json.replace(UNSAFE, (character) => {
    if (character === '\n') return character; // within a text JSON.stringify has written it as \n already
    return Array.from({ length: character.length }, (_, i) => {
      return `\\u${character.charCodeAt(i).toString(16).padStart(4, '0')}`;
    }).join('');
  });
}

/** A stack or a report: each line by itself, so that the lines stay. */
export function printableLines(text: string): string {
  return text.split('\n').map(printable).join('\n');
}

/** Plain data with every text in it as `printable` gives it; arrays of numbers and the like are left as they are. */
export function printableTexts<T>(data: T): T {
  if (typeof data === 'string') return printable(data) as T;
  if (Array.isArray(data)) return data.map(printableTexts) as T;
  if (typeof data !== 'object' || data === null || Object.getPrototypeOf(data) !== Object.prototype) return data;
  return Object.fromEntries(Object.entries(data).map(([key, value]) => [key, printableTexts(value)])) as T;
}
