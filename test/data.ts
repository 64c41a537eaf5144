/** Real data that tests may use and the project may not ship: in the folder that VGG16_TEST_DATA names, or not at all. */

import { existsSync } from 'node:fs';
import { join } from 'node:path';

const DATA = process.env.VGG16_TEST_DATA ?? '';

/** The path of a file or folder of the real data; `undefined` where it is not there, and its tests are skipped. */
export function realData(name: string): string | undefined {
  if (DATA === '') return undefined;
  const path = join(DATA, name);
  return existsSync(path) ? path : undefined;
}
