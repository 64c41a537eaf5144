/** How formats are recognised before their readers are loaded. */

/** What a SavedModel's folder has. */
export const SAVED_MODEL_FILE = 'saved_model.pb';

/** What a TensorFlow.js model's folder has. */
export const TFJS_FILE = 'model.json';

export const HDF5_SIGNATURE = Buffer.from('\x89HDF\r\n\x1a\n', 'latin1');

export const ZIP_SIGNATURE = Buffer.from('PK\x03\x04', 'latin1');

/** How `torch.save` begins before 1.6: a pickle (protocol 2) of the integer 0x1950a86a20f9469cfc6c. */
export const LEGACY_PYTORCH_SIGNATURE = Buffer.from('80028a0a6cfc9c46f9206aa850192e', 'hex');

export function startsWith(start: Buffer, signature: Buffer): boolean {
  return start.subarray(0, signature.length).equals(signature);
}

/** JSON by its first bytes: safetensors may begin so too, but its eighth byte is zero, the end of a length. */
export function isTfjs(start: Buffer): boolean {
  return /^\s*\{/.test(start.toString('latin1')) && start[7] !== 0;
}
