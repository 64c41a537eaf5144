/** Columns of text, aligned: for people, where the rows are known beforehand. */

import Table from 'cli-table3';

const GAP = '  ';

/** No lines, so that the text can be cut and searched. */
const BORDERLESS = Object.fromEntries(
  ['top', 'bottom', 'left', 'right', 'mid'].flatMap((side) =>
    [side, `${side}-mid`, `${side}-left`, `${side}-right`].map((place) => [place, '']),
  ),
);

/** One line a row; each cell is padded to the widest of its column, colour codes not counted. */
export function alignedColumns(rows: readonly (readonly string[])[], align: readonly ('left' | 'right')[]): string {
  const table = new Table({
    colAligns: [...align],
    chars: { ...BORDERLESS, middle: GAP },
    style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [], compact: true },
  });
  table.push(...rows.map((row) => [...row]));
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}
