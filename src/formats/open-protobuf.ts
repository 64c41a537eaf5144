/** Which format a protobuf is of: the encoding has no signature, so the numbers of its first fields have to say it. */

import { isCaffe, readCaffe } from './caffe/read.js';
import { isOnnx, readOnnx } from './onnx/read.js';
import { ProtobufFile } from './shared/protobuf.js';
import type { RandomAccessFile } from './shared/random-access-file.js';
import type { WeightFile } from './shared/weight-file.js';

/** The reader of an ONNX or a Caffe model, whatever its name; the name decides where damage hides what it is. */
export async function protobufReader(
  file: RandomAccessFile,
): Promise<((file: RandomAccessFile) => Promise<WeightFile>) | undefined> {
  const fields = await new ProtobufFile(file).firstFields();
  if (isOnnx(fields)) return readOnnx;
  if (isCaffe(fields)) return readCaffe;
  if (file.path.endsWith('.onnx')) return readOnnx;
  return file.path.endsWith('.caffemodel') ? readCaffe : undefined;
}
