/** Results as JSON on stdout: the data itself in a file or a pipe; on a terminal with escapes for what would disturb it. */

import { printableJson } from '../../output/printable.js';

/** Writes one object; `indent` spreads it over lines, for people. */
export function printJson(value: unknown, indent?: number): void {
  const json = JSON.stringify(value, null, indent);
  process.stdout.write(`${process.stdout.isTTY === true ? printableJson(json) : json}\n`);
}
