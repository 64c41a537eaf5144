/**
 * The schema of a table as Apache Arrow writes it. Parquet knows lists but not that all of a column have the same
 * length, so Arrow's writers leave their own schema in the file under the key `ARROW:schema`, and pandas, Polars and
 * pyarrow read a column of arrays with its length again. It is a FlatBuffers message in base64:
 * https://arrow.apache.org/docs/format/Columnar.html#schema-message and the file `Schema.fbs` there.
 */

export const ARROW_SCHEMA_KEY = 'ARROW:schema';

export interface ArrowField {
  readonly name: string;
  readonly nullable: boolean;
  readonly type: 'string' | 'int32' | 'int64' | 'float' | 'half' | 'bool';
  /** For a column of lists: how many values each has. The values themselves are never null. */
  readonly length?: number;
}

/** Numbers that Message.fbs and Schema.fbs give to versions and to the members of their unions. */
const VERSION_5 = 4;
const HEADER_IS_SCHEMA = 1;
const TYPE = { int: 2, floatingPoint: 3, utf8: 5, bool: 6, fixedSizeList: 16 };
const PRECISION = { half: 0, single: 1 };

/** A message starts with this, so that it is not taken for one of the older ones, which start with their length. */
const CONTINUATION = 0xffffffff;

/** Fields of a table in the order of the .fbs file: a number is stored in place, all else elsewhere; undefined is the default. */
interface Slots {
  readonly slots: readonly (number | Value | undefined)[];
}

type Value = string | Slots | readonly Slots[];

export function arrowSchema(fields: readonly ArrowField[]): string {
  const schema: Slots = { slots: [undefined, fields.map(fieldOf)] };
  const message = flatBuffer({ slots: [VERSION_5, HEADER_IS_SCHEMA, schema] });
  const head = Buffer.alloc(8);
  head.writeUInt32LE(CONTINUATION);
  head.writeUInt32LE(message.length, 4);
  return Buffer.concat([head, message]).toString('base64');
}

function fieldOf({ name, nullable, type, length }: ArrowField): Slots {
  const [kind, details] = length === undefined ? typeOf(type) : [TYPE.fixedSizeList, { slots: [length] }];
  const children = length === undefined ? [] : [fieldOf({ name: 'element', nullable: false, type })];
  return { slots: [name, Number(nullable), kind, details, undefined, children] };
}

function typeOf(type: ArrowField['type']): [number, Slots] {
  switch (type) {
    case 'string':
      return [TYPE.utf8, { slots: [] }];
    case 'bool':
      return [TYPE.bool, { slots: [] }];
    case 'int32':
      return [TYPE.int, { slots: [32, 1] }];
    case 'int64':
      return [TYPE.int, { slots: [64, 1] }];
    case 'half':
      return [TYPE.floatingPoint, { slots: [PRECISION.half] }];
    case 'float':
      return [TYPE.floatingPoint, { slots: [PRECISION.single] }];
  }
}

/**
 * FlatBuffers, as far as it takes: https://flatbuffers.dev/internals. Every field of a table has four bytes here,
 * which holds the smaller numbers too (they are little-endian) and keeps everything aligned. A value that lies elsewhere
 * is written behind what refers to it, because references only point forward.
 */
function flatBuffer(root: Slots): Buffer {
  const words: number[] = [0];
  const refer = (from: number, value: Value) => {
    const to = typeof value === 'string' ? putText(value) : 'slots' in value ? putTable(value) : putList(value);
    words[from] = (to - from) * 4;
  };
  const putText = (text: string): number => {
    const bytes = Buffer.from(`${text}\0`);
    const start = words.push(bytes.length - 1) - 1;
    const padded = Buffer.concat([bytes], Math.ceil(bytes.length / 4) * 4);
    for (let at = 0; at < padded.length; at += 4) words.push(padded.readUInt32LE(at));
    return start;
  };
  const putList = (list: readonly Slots[]): number => {
    const start = words.push(list.length) - 1;
    words.push(...list.map(() => 0));
    for (const [i, item] of list.entries()) refer(start + 1 + i, item);
    return start;
  };
  const putTable = ({ slots }: Slots): number => {
    const present = slots.flatMap((value, slot) => (value === undefined ? [] : [{ value, slot }]));
    // The vtable: its own size, that of the table, and where in the table each field lies, or 0; two bytes each.
    const places = [4 + 2 * slots.length, 4 + 4 * present.length, ...slots.map(() => 0)];
    for (const [i, { slot }] of present.entries()) places[2 + slot] = 4 + 4 * i;
    const vtable = words.length;
    for (let i = 0; i < places.length; i += 2) words.push((places[i] as number) | ((places[i + 1] ?? 0) << 16));
    const start = words.push((words.length - vtable) * 4) - 1;
    words.push(...present.map(({ value }) => (typeof value === 'number' ? value : 0)));
    for (const [i, { value }] of present.entries()) if (typeof value !== 'number') refer(start + 1 + i, value);
    return start;
  };
  refer(0, root);
  // Messages end at multiples of eight bytes.
  if (words.length % 2 === 1) words.push(0);
  const bytes = Buffer.alloc(words.length * 4);
  for (const [i, word] of words.entries()) bytes.writeUInt32LE(word >>> 0, i * 4);
  return bytes;
}
