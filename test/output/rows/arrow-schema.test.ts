import { expect, test } from 'vitest';
import { type ArrowField, arrowSchema } from '../../../src/output/rows/arrow-schema.js';
import { python, runPython } from '../../python.js';

const READ = `
import base64, json, sys
import pyarrow
schema = pyarrow.ipc.read_schema(pyarrow.py_buffer(base64.b64decode(sys.argv[1])))
print(json.dumps([[f.name, str(f.type), f.nullable] for f in schema]))
`;

const interpreter = python(['pyarrow']);
const read = (fields: readonly ArrowField[]) => runPython(interpreter, READ, [arrowSchema(fields)]);

test('is a message whose length is a multiple of eight bytes, the same each time', () => {
  const fields: ArrowField[] = [{ name: 'path', nullable: false, type: 'string' }];
  const bytes = Buffer.from(arrowSchema(fields), 'base64');
  expect(bytes.readUInt32LE(0)).toBe(0xffffffff);
  expect(bytes.readUInt32LE(4)).toBe(bytes.length - 8);
  expect(bytes.length % 8).toBe(0);
  expect(arrowSchema(fields)).toBe(bytes.toString('base64'));
});

test.skipIf(interpreter === undefined)('is what Arrow reads: each type, any name (needs a Python with pyarrow)', () => {
  const names = ['', 'a', 'ab', 'abc', 'abcd', 'a.b "c"', 'é/日本/😀'];
  const fields = names.flatMap((name, i): ArrowField[] => [
    { name: `${name}s`, nullable: i % 2 === 0, type: 'string' },
    { name, nullable: i % 2 === 1, type: 'int32' },
    { name: `${name}l`, nullable: true, type: 'int64' },
    { name: `${name}f`, nullable: false, type: 'float' },
    { name: `${name}b`, nullable: true, type: 'bool' },
    { name: `${name}1`, nullable: true, type: 'float', length: 1 },
    { name: `${name}2`, nullable: true, type: 'half', length: 7 * 7 * 512 },
  ]);
  const expected = names.flatMap((name, i) => [
    [`${name}s`, 'string', i % 2 === 0],
    [name, 'int32', i % 2 === 1],
    [`${name}l`, 'int64', true],
    [`${name}f`, 'float', false],
    [`${name}b`, 'bool', true],
    [`${name}1`, 'fixed_size_list<element: float not null>[1]', true],
    [`${name}2`, 'fixed_size_list<element: halffloat not null>[25088]', true],
  ]);
  expect(read(fields)).toEqual(expected);
  expect(read([])).toEqual([]);
});
