/** Recognises a weight file by its first bytes, whatever its name, and describes its tensors. */

import { modelError } from '../../errors.js';
import { type OpenFile, type WeightFile, withFile } from './file.js';
import { isLegacyPytorch, readPytorchLegacy, readPytorchZip } from './pytorch.js';
import { readSafetensors } from './safetensors.js';

/** Enough for every signature below. */
const SIGNATURE_BYTES = 16;

/** Formats that are recognised in order to say so. */
const UNREAD: readonly { readonly starts: Buffer; readonly what: string }[] = [
  { starts: Buffer.from('\x89HDF\r\n\x1a\n', 'latin1'), what: 'an HDF5 file (Keras)' },
  { starts: Buffer.from('\x80', 'latin1'), what: 'a pickle without tensors of torch.save' },
  { starts: Buffer.from('\x93NUMPY', 'latin1'), what: 'a NumPy array' },
  { starts: Buffer.from('version https://git-lfs', 'latin1'), what: 'a Git LFS pointer instead of the file' },
];

/** Reads names, shapes and places, never the data. Throws MODEL_NOT_FOUND or MODEL_INVALID. */
export function readWeightFile(path: string): Promise<WeightFile> {
  return withFile(path, async (file) => {
    if (file.bytes === 0) throw modelError(`Expected a weight file but ${path} is empty.`);
    const start = await file.read(0, Math.min(file.bytes, SIGNATURE_BYTES));
    return await readerFor(start, path)(file);
  });
}

function readerFor(start: Buffer, path: string): (file: OpenFile) => Promise<WeightFile> {
  if (start.subarray(0, 4).equals(Buffer.from('PK\x03\x04', 'latin1'))) return readPytorchZip;
  if (isLegacyPytorch(start)) return readPytorchLegacy;
  // A safetensors header is JSON after its length of 8 bytes; the name decides where damage hides that.
  if (start[8] === 0x7b || path.endsWith('.safetensors')) return readSafetensors;
  const known = UNREAD.find(({ starts }) =>
    start.subarray(0, starts.length).equals(starts.subarray(0, SIGNATURE_BYTES)),
  );
  throw modelError(
    `Expected safetensors or a PyTorch state_dict but ${path} is ${known?.what ?? 'in a format that is not recognised'}.`,
  );
}
