import { writeFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { toRunError } from '../../../src/cli/command/errors.js';

/** As the system throws it. */
const systemError = (code: string, path?: string) =>
  Object.assign(new Error(`${code}: …, write`), { code, syscall: 'write', path });

it.each([
  ['ENOSPC', '/x/y', 'Expected to write /x/y but no space is left on the device.'],
  ['EDQUOT', undefined, 'Expected to write a file but the disk quota is used up.'],
  ['EFBIG', '/x', 'Expected to write /x but the file grew past the size that is allowed.'],
  ['EROFS', '/x', 'Expected to write /x but the file system is read-only.'],
])('%s of %s is no bug, wherever it comes from', (code, path, message) => {
  expect(toRunError(systemError(code, path), 'vgg16 classify')).toMatchObject({
    code: 'OUTPUT_FAILED',
    exitCode: 1,
    message,
    hint: undefined,
  });
});

it('what nobody expected is one', () => {
  let thrown: unknown;
  try {
    writeFileSync('/none/x', '');
  } catch (error) {
    thrown = error;
  }
  for (const error of [thrown, new TypeError('x is not a function')]) {
    expect(toRunError(error, 'vgg16 classify')).toMatchObject({ code: 'INTERNAL', exitCode: 1 });
  }
});
