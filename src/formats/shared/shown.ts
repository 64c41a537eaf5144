/** How a message shows a value from a file: files are hostile, and a terminal must not get what they hold as it is. */

/**
 * A value from a file for a message: short, on one line, without control characters. Looks one level deep only: what a
 * file nests or shares a million times is not followed.
 */
export function shown(value: unknown): string {
  if (Array.isArray(value)) {
    const items = value.slice(0, SHOWN_ITEMS).map((item) => (Array.isArray(item) ? '[…]' : shown(item)));
    return `[${items.join(', ')}${value.length > SHOWN_ITEMS ? ', …' : ''}]`;
  }
  if (typeof value === 'object' && value !== null) return 'an object';
  const text = (typeof value === 'string' ? JSON.stringify(value) : String(value)).replace(UNPRINTABLE, escaped);
  return text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}…` : text;
}

/** Controls that JSON.stringify leaves (DEL, C1), and what reorders or breaks lines: a terminal must not get them. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

function escaped(character: string): string {
  return `\\u{${(character.codePointAt(0) as number).toString(16)}}`;
}

const SHOWN_ITEMS = 6;
const SHOWN_CHARACTERS = 80;
