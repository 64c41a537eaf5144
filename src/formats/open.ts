/** Recognises a weight file by its first bytes, whatever its name, and describes its tensors. */

import { modelError } from '../errors.js';
import { readModelFolder } from './open-folder.js';
import { readSafetensors } from './safetensors/read.js';
import { type RandomAccessFile, withFile } from './shared/random-access-file.js';
import { HDF5_SIGNATURE, isTfjs, LEGACY_PYTORCH_SIGNATURE, startsWith, ZIP_SIGNATURE } from './shared/signatures.js';
import type { WeightFile } from './shared/weight-file.js';

/** Enough for every signature below. */
const SIGNATURE_BYTES = 16;

/** Formats that are recognised in order to say so. */
const UNREAD: readonly { readonly starts: Buffer; readonly what: string }[] = [
  { starts: Buffer.from('\x80', 'latin1'), what: 'a pickle without tensors of torch.save' },
  { starts: Buffer.from('\x93NUMPY', 'latin1'), what: 'a NumPy array' },
  { starts: Buffer.from('version https://git-lfs', 'latin1'), what: 'a Git LFS pointer instead of the file' },
];

/** Reads names, shapes and places, never the data. Throws MODEL_NOT_FOUND or MODEL_INVALID. */
export async function readWeightFile(path: string): Promise<WeightFile> {
  const folder = await readModelFolder(path);
  if (folder !== undefined) return folder;
  return await withFile(path, async (file) => {
    if (file.bytes === 0) throw modelError(`Expected a weight file but ${path} is empty.`);
    const start = await file.read(0, Math.min(file.bytes, SIGNATURE_BYTES));
    const reader = await readerFor(start, file);
    return await reader(file);
  });
}

async function readerFor(
  start: Buffer,
  file: RandomAccessFile,
): Promise<(file: RandomAccessFile) => Promise<WeightFile>> {
  const { path } = file;
  // A reader is loaded when it is needed: all of them together take as long as the network of a small model.
  if (startsWith(start, ZIP_SIGNATURE)) return readZip;
  if (startsWith(start, HDF5_SIGNATURE)) return (await import('./keras/read.js')).readKerasHdf5;
  if (startsWith(start, LEGACY_PYTORCH_SIGNATURE)) return (await import('./pytorch/read.js')).readPytorchLegacy;
  if (isTfjs(start) && !path.endsWith('.safetensors')) return (await import('./tfjs/read.js')).readTfjs;
  // A safetensors header is JSON after its length of 8 bytes; the name decides where damage hides that.
  if (start[8] === 0x7b || path.endsWith('.safetensors')) return readSafetensors;
  const protobuf = await (await import('./open-protobuf.js')).protobufReader(file);
  if (protobuf !== undefined) return protobuf;
  const known = UNREAD.find(({ starts }) =>
    start.subarray(0, starts.length).equals(starts.subarray(0, SIGNATURE_BYTES)),
  );
  throw modelError(
    `Expected a weight file of PyTorch, Keras, TensorFlow, ONNX or Caffe, or safetensors, but ${path} is ${known?.what ?? 'in a format that is not recognised'}.`,
  );
}

async function readZip(file: RandomAccessFile): Promise<WeightFile> {
  const { isKerasZip, readKerasZip } = await import('./keras/read.js');
  return (await isKerasZip(file))
    ? await readKerasZip(file)
    : await (await import('./pytorch/read.js')).readPytorchZip(file);
}
