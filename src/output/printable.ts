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
