/** Colours, where they are wanted: https://no-color.org, --no-color, terminals only. */

export interface Style {
  readonly bold: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly red: (text: string) => string;
  readonly yellow: (text: string) => string;
}

/** Select graphic rendition: start and end code (ECMA-48, 8.3.117). */
const CODES = { bold: [1, 22], dim: [2, 22], red: [31, 39], yellow: [33, 39] } as const;

/** Whether `stream` gets colours. */
export function wantsColor(
  stream: { readonly isTTY?: boolean },
  noColorFlag: boolean,
  environment: Readonly<Record<string, string | undefined>>,
): boolean {
  if (noColorFlag || (environment.NO_COLOR ?? '') !== '' || environment.TERM === 'dumb') return false;
  return stream.isTTY === true;
}

export function styleOf(color: boolean): Style {
  const paint = ([start, end]: readonly [number, number]) =>
    color ? (text: string) => `\u001B[${start}m${text}\u001B[${end}m` : (text: string) => text;
  return { bold: paint(CODES.bold), dim: paint(CODES.dim), red: paint(CODES.red), yellow: paint(CODES.yellow) };
}
