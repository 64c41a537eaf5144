/**
 * `.paths`: which row of an array is which image, one line a row. A failed image's row is NaN, and its line goes on after a
 * tab with `CODE: sentence`. Characters that end lines for some reader, and tabs, are written as escapes.
 */

import type { RowEncoder } from './encoder.js';

type Listed = { readonly path: string } & (
  | { readonly status: 'ok' }
  | { readonly status: 'error'; readonly error: { readonly code: string; readonly message: string } }
);

export function pathsList(): RowEncoder<Listed> {
  return {
    header: () => '',
    encode: (rows) =>
      rows
        .map((row) => {
          const failure = row.status === 'error' ? `\t${escaped(`${row.error.code}: ${row.error.message}`)}` : '';
          return `${escaped(row.path)}${failure}\n`;
        })
        .join(''),
  };
}

/** Python's `str.splitlines` ends lines at all of these but the tab. */
function escaped(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029]/gu, (character) => {
    const code = character.charCodeAt(0);
    return code > 0xff ? `\\u${code.toString(16)}` : `\\x${code.toString(16).padStart(2, '0')}`;
  });
}
