/** Arrays with one row an image: what NPY, safetensors and Parquet hold of a layer. */

export const ARRAY_DTYPES = ['f32', 'f16'] as const;

export type ArrayDType = (typeof ARRAY_DTYPES)[number];

const DTYPE_BYTES: Readonly<Record<ArrayDType, number>> = { f32: 4, f16: 2 };

export interface ArraySpec {
  /** The layer: `fc7`. */
  readonly name: string;
  /** Of one row: `[4096]`, or `[7, 7, 512]` for pool5 whole. */
  readonly shape: readonly number[];
  readonly dtype: ArrayDType;
}

/** Layers as this tool names them. Files are named after them, so nothing else may stand in a journal or a manifest. */
const LAYER_NAME = /^\w{1,64}$/;

/** Numbers in a row: those of conv1 for the largest input, 64 x 4096 x 4096. A row of NaN is made of them. */
const MAX_ROW_LENGTH = 64 * 4096 ** 2;

/** Whether a value from a file, which may be anyone's, describes arrays. */
export function isArraySpec(value: unknown): value is ArraySpec {
  const { name, shape, dtype } = (value ?? {}) as Partial<ArraySpec>;
  return (
    typeof name === 'string' &&
    LAYER_NAME.test(name) &&
    Array.isArray(shape) &&
    shape.every((size) => Number.isSafeInteger(size) && size > 0) &&
    rowLength({ shape }) <= MAX_ROW_LENGTH &&
    ARRAY_DTYPES.some((known) => known === dtype)
  );
}

/** Numbers in a row. */
export function rowLength({ shape }: Pick<ArraySpec, 'shape'>): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** Bytes of a row; numbers are little-endian, row-major. */
export function rowBytes(spec: Pick<ArraySpec, 'shape' | 'dtype'>): number {
  return rowLength(spec) * DTYPE_BYTES[spec.dtype];
}

export function isSameSpec(a: ArraySpec, b: ArraySpec): boolean {
  return a.name === b.name && a.dtype === b.dtype && a.shape.join() === b.shape.join();
}

/** Rows that lie one after the other in a file, as NPY and safetensors hold them. */
export interface StoredRows extends ArraySpec {
  readonly file: string;
  /** Byte at which the first row starts. */
  readonly dataStart: number;
  readonly rows: number;
}
