/** Tensors of an ONNX file: where their values lie, in the file itself or in another beside it. */

import { dirname, join } from 'node:path';
import { ExitCode, modelError, RunError } from '../../errors.js';
import { bfloat16ToFloat32, float16ToFloat32 } from '../../floats.js';
import type { FileRange, Place, QuantizedType, WeightType } from '../../network/tensors.js';
import { elementsOf, type StoredTensor, shown, withFile } from '../shared/file.js';
import { MAX_MESSAGE_BYTES, type ProtobufFile, type Span } from '../shared/protobuf.js';
import { FIELD, ONNX, type TensorMessage } from './proto.js';

export interface OnnxTensor extends StoredTensor {
  readonly elements: number;
  /** Its values as little-endian numbers, one after the other; `undefined` where they are packed varints. */
  readonly ranges: readonly FileRange[] | undefined;
  /** Packed varints that hold its values where `ranges` does not. */
  readonly varints: readonly Span[];
  readonly quantized: QuantizedType | undefined;
}

interface ElementType {
  readonly name: string;
  /** Of one element in raw data. */
  readonly bytes: number;
  readonly weight?: WeightType;
  readonly quantized?: QuantizedType;
}

/** TensorProto.DataType; complex numbers, text and the types of less than a byte are in no VGG-16. */
const TYPES: Readonly<Record<number, ElementType>> = {
  1: { name: 'FLOAT', bytes: 4, weight: 'f32' },
  2: { name: 'UINT8', bytes: 1, quantized: 'u8' },
  3: { name: 'INT8', bytes: 1, quantized: 'i8' },
  4: { name: 'UINT16', bytes: 2, quantized: 'u16' },
  5: { name: 'INT16', bytes: 2 },
  6: { name: 'INT32', bytes: 4 },
  7: { name: 'INT64', bytes: 8 },
  9: { name: 'BOOL', bytes: 1 },
  10: { name: 'FLOAT16', bytes: 2, weight: 'f16' },
  11: { name: 'DOUBLE', bytes: 8, weight: 'f64' },
  12: { name: 'UINT32', bytes: 4 },
  13: { name: 'UINT64', bytes: 8 },
  16: { name: 'BFLOAT16', bytes: 2, weight: 'bf16' },
};

/** No name of a file, and no part of a message. */
const UNPRINTABLE = /\p{C}/u;

/** TensorProto.DataLocation. */
const EXTERNAL = 1;

const DATA_FIELDS = Object.values(FIELD.tensor);

/** Reads the tensors of one file; looks at a file of external data once. */
export class TensorReader {
  readonly #sizes = new Map<string, Promise<number>>();

  constructor(readonly proto: ProtobufFile) {}

  get path(): string {
    return this.proto.file.path;
  }

  /** `name`: where the tensor has none itself, as that of a Constant. */
  async read(span: Span, name?: string): Promise<OnnxTensor> {
    const { message, spans } = await this.proto.split<TensorMessage>(span, ONNX.TensorProto, DATA_FIELDS);
    const label = shown(name ?? message.name);
    const type = Object.hasOwn(TYPES, message.dataType) ? TYPES[message.dataType] : undefined;
    const elements = elementsOf(message.dims, label, this.path);
    const base = { name: name ?? message.name, shape: message.dims, elements, quantized: type?.quantized };
    if (type === undefined) {
      return { ...base, dtype: `type ${message.dataType}`, place: undefined, ranges: undefined, varints: [] };
    }
    const bytes = elements * type.bytes;
    const ranges =
      message.dataLocation === EXTERNAL
        ? [await this.#external(message, bytes, label)]
        : this.#inside(spans, type, elements);
    if (ranges === undefined) {
      const { int32Data, int64Data, uint64Data } = FIELD.tensor;
      const varints = [int32Data, int64Data, uint64Data].flatMap((id) => spans.get(id) ?? []);
      return { ...base, dtype: `${type.name} as varints`, place: undefined, ranges, varints };
    }
    const held = ranges.reduce((sum, { byteLength }) => sum + byteLength, 0);
    if (held !== bytes) {
      throw modelError(
        `Expected ${bytes} bytes for ${label} (${type.name} ${shown(message.dims)}) in ${this.path} but it has ${held}.`,
      );
    }
    return { ...base, dtype: type.name, place: placeOf(type, ranges), ranges, varints: [] };
  }

  /** The bytes of `raw_data`, `float_data` or `double_data`; `undefined` where the values are varints. */
  #inside(spans: ReadonlyMap<number, readonly Span[]>, { weight }: ElementType, elements: number) {
    const { rawData, floatData, doubleData } = FIELD.tensor;
    const raw = spans.get(rawData)?.at(-1);
    const packed = spans.get(weight === 'f64' ? doubleData : floatData) ?? [];
    const isPacked = weight === 'f32' || weight === 'f64';
    if (raw === undefined && !isPacked && elements > 0) return undefined;
    const parts = raw !== undefined ? [raw] : packed;
    return parts.map(({ start, end }): FileRange => ({ file: this.path, offset: start, byteLength: end - start }));
  }

  /** onnx/docs/ExternalData.md: `location` is relative to the folder of the model. */
  async #external({ externalData }: TensorMessage, bytes: number, label: string): Promise<FileRange> {
    const entries = new Map(externalData.map(({ key, value }) => [key, value]));
    const location = entries.get('location') ?? '';
    const parts = location.split(/[/\\]/);
    if (parts.some((part) => part === '' || part === '..' || part === '.') || UNPRINTABLE.test(location)) {
      throw modelError(
        `Expected a file inside the folder of ${this.path} as the place of ${label} but it is ${shown(location)}.`,
      );
    }
    const file = join(dirname(this.path), ...parts);
    const offset = this.#count(entries.get('offset') ?? '0', label);
    const length = this.#count(entries.get('length') ?? String(bytes), label);
    const size = await this.#size(file);
    if (offset + length > size) {
      throw modelError(
        `${file} is truncated: ${label} of ${this.path} ends at byte ${offset + length} but it has ${size} bytes.`,
      );
    }
    return { file, offset, byteLength: length };
  }

  #count(text: string, label: string): number {
    if (!/^\d{1,15}$/.test(text)) {
      throw modelError(`Expected a number as offset and length of ${label} in ${this.path} but it is ${shown(text)}.`);
    }
    return Number(text);
  }

  /** Throws MODEL_NOT_FOUND or MODEL_INVALID where it is no readable file. */
  #size(file: string): Promise<number> {
    const known = this.#sizes.get(file);
    if (known !== undefined) return known;
    const size = withFile(file, async ({ bytes }) => bytes).catch((error: unknown) => {
      throw error instanceof RunError && error.code === 'MODEL_NOT_FOUND' ? this.#missing(file, error) : error;
    });
    this.#sizes.set(file, size);
    return size;
  }

  #missing(file: string, cause: RunError): RunError {
    const message = `Expected ${file}, where ${this.path} says that its weights are, but there is no such file.`;
    return new RunError('MODEL_NOT_FOUND', message, { exitCode: ExitCode.Model, cause });
  }

  /** The values of a small tensor. */
  async numbers(tensor: OnnxTensor): Promise<readonly number[]> {
    const { ranges, varints, dtype, elements, name } = tensor;
    const parts: number[] = [];
    if (ranges === undefined) {
      for (const span of varints) {
        const integers = this.proto.varints(await this.proto.bytes(span), span);
        for (const value of fromVarints(integers, dtype)) parts.push(value);
      }
    } else {
      for (const { file, offset, byteLength } of ranges) {
        const span = { start: offset, end: offset + byteLength };
        const bytes =
          file === this.path ? await this.proto.bytes(span) : await this.#elsewhere(file, offset, byteLength);
        for (const value of decode(bytes, dtype)) parts.push(value);
      }
    }
    if (parts.length !== elements) {
      throw modelError(
        `Expected ${elements} values in ${shown(name)} of ${this.path} but it has ${parts.length} (${dtype}).`,
      );
    }
    return parts;
  }

  async #elsewhere(file: string, offset: number, length: number): Promise<Buffer> {
    this.proto.checkSize(length, MAX_MESSAGE_BYTES, `the data at byte ${offset}`);
    return await withFile(file, async (opened) => await opened.read(offset, length));
  }
}

function placeOf({ weight: type }: ElementType, ranges: readonly FileRange[]): Place | undefined {
  if (type === undefined) return undefined;
  const [first] = ranges;
  if (ranges.length === 1 && first !== undefined) return { kind: 'range', type, ...first };
  return { kind: 'pieces', type, pieces: ranges };
}

/** Floats of 16 bits are stored as the integers of their bits. */
function fromVarints(integers: readonly number[], dtype: string): Iterable<number> {
  if (dtype.startsWith('FLOAT16')) return float16ToFloat32(Uint16Array.from(integers));
  if (dtype.startsWith('BFLOAT16')) return bfloat16ToFloat32(Uint16Array.from(integers));
  return integers;
}

/** Little-endian numbers; a piece ends with a whole one, or the sum of the pieces would not be right. */
function decode(bytes: Buffer, dtype: string): Iterable<number> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const each = (size: number, get: (at: number) => number) =>
    Array.from({ length: Math.floor(bytes.length / size) }, (_, i) => get(i * size));
  const halves = () => Uint16Array.from(each(2, (at) => view.getUint16(at, true)));
  switch (dtype) {
    case 'FLOAT':
      return each(4, (at) => view.getFloat32(at, true));
    case 'DOUBLE':
      return each(8, (at) => view.getFloat64(at, true));
    case 'FLOAT16':
      return float16ToFloat32(halves());
    case 'BFLOAT16':
      return bfloat16ToFloat32(halves());
    case 'UINT8':
    case 'BOOL':
      return bytes;
    case 'INT8':
      return each(1, (at) => view.getInt8(at));
    case 'UINT16':
      return halves();
    case 'INT16':
      return each(2, (at) => view.getInt16(at, true));
    case 'INT32':
      return each(4, (at) => view.getInt32(at, true));
    case 'UINT32':
      return each(4, (at) => view.getUint32(at, true));
    case 'INT64':
      return each(8, (at) => Number(view.getBigInt64(at, true)));
    case 'UINT64':
      return each(8, (at) => Number(view.getBigUint64(at, true)));
    default:
      return [];
  }
}
