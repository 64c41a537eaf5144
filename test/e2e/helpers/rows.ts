/** Reads what the program writes, with a CSV reader that is not the tool's own. */

import { parse } from 'csv-parse/sync';
import { expect } from 'vitest';
import type { Result } from './program.js';

export type Row = Readonly<Record<string, string>>;

/** Rows by column; throws where the CSV is not whole. */
export function csvRows(text: Buffer | string): Row[] {
  return parse(text, { columns: true, record_delimiter: '\n' }) as unknown as Row[];
}

// biome-ignore lint/suspicious/noExplicitAny: what the tests look into
export function jsonRows(text: Buffer | string): any[] {
  return text
    .toString()
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line));
}

/** Lines of stderr that begin with `error:`; each holds one sentence, without control characters. */
export function errorLines(stderr: string): string[] {
  return stderr
    .split('\n')
    .filter((line) => line.startsWith('error: '))
    .map((line) => line.slice('error: '.length));
}

/** The run ended with `code` and one sentence, without a stack; returns the sentence. */
export function expectOneSentence({ code, stderr }: Result, expected: number): string {
  expect(code, stderr).toBe(expected);
  const lines = errorLines(stderr);
  expect(lines, stderr).toHaveLength(1);
  expect(lines[0]).toMatch(/^\P{Cc}{10,1000}\.$/u);
  expect(stderr).not.toMatch(/^\s+at /m);
  return lines[0] as string;
}
