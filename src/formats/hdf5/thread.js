// @ts-check
/**
 * The thread that libhdf5 runs in. JavaScript, because a thread's file is loaded as it is, from the sources in tests too.
 * libhdf5 meets hostile files here: it sees no file but the one to read, gets only so much memory, and whatever it does to
 * itself ends with the thread (`hdf5.ts` sets the time limit).
 */

import { closeSync, openSync, readSync } from 'node:fs';
import { parentPort } from 'node:worker_threads';

/** @import { Hdf5Attribute, Hdf5Node, Hdf5Request } from './read.js' */

/** Of libhdf5, in bytes. */
const MAX_MEMORY_BYTES = 256 * 1024 * 1024;

/** Of a dataset at once, in bytes: twice that must fit into the memory. */
const MAX_SLICE_BYTES = 32 * 1024 * 1024;

/** Groups and datasets of a file, at most, counted as often as they are linked. A whole model has 200. */
const MAX_NODES = 20_000;

/** Groups inside groups, at most. Keras needs seven. */
const MAX_DEPTH = 24;

/** Text of all attributes together, in bytes, at most: a model's configuration has 20 KB. */
const MAX_TEXT_BYTES = 16 * 1024 * 1024;

/** Attributes of all groups, and their texts, at most: one a layer. */
const MAX_TEXTS = 20_000;

/** H5T_class_t of H5Tpublic.h. */
const FLOAT = 1;
const STRING = 3;

/** The one file that there is. */
const FILE = '/model.h5';

// h5wasm's types hide those of WebAssembly.
const { Memory, RuntimeError } = /** @type {any} */ (globalThis).WebAssembly;

// Emscripten speaks on the console, which it takes as it finds it.
console.error = () => {};
const { ready } = await import('h5wasm/node');
const library = await ready;
limitMemory();
/** @type {{ fd: number, start: number, size: number, inode: number }} */
const source = { fd: -1, start: 0, size: 0, inode: 0 };
/** What is left of the limits for this file. */
const left = { texts: 0, bytes: 0 };
showOneFile();

parentPort?.on('message', (/** @type {Hdf5Request} */ request) => {
  let fd = -1;
  try {
    fd = openSync(request.file, 'r');
    // Another inode: libhdf5 takes a file of the same one for a file that it still has open.
    Object.assign(source, { fd, start: request.start, size: request.byteLength, inode: source.inode + 1 });
    Object.assign(left, { texts: MAX_TEXTS, bytes: MAX_TEXT_BYTES });
    if (request.kind === 'tree') parentPort?.postMessage({ tree: withFile((id) => tree(id)) });
    else {
      const bytes = withFile((id) => slice(id, request));
      parentPort?.postMessage({ bytes }, [bytes]);
    }
  } catch (error) {
    parentPort?.postMessage({ error: messageOf(error), broken: isBroken(error) });
  } finally {
    if (fd !== -1) closeSync(fd);
  }
});

/** h5wasm has one text for whatever it cannot open. @param {unknown} error */
function messageOf(error) {
  const message = error instanceof Error ? error.message : String(error);
  if (message.includes('name not defined')) return 'libhdf5 cannot open a part of it';
  return error instanceof RuntimeError ? `libhdf5 fails (${message})` : message;
}

/** Whether the library must not be used again: it ran into a trap, or grew. */
function isBroken(/** @type {unknown} */ error) {
  return error instanceof RuntimeError || error instanceof RangeError;
}

/** @template T @param {(id: bigint) => T} use @returns {T} */
function withFile(use) {
  const id = library.open(FILE, library.H5F_ACC_RDONLY, false, -1, -1);
  if (id < 0n) throw new Error('libhdf5 cannot open it');
  try {
    return use(id);
  } finally {
    library.close_file(id);
  }
}

/** @param {bigint} id @returns {Hdf5Node[]} */
function tree(id) {
  /** @type {Hdf5Node[]} */
  const nodes = [];
  /** @param {string} path @param {number} depth */
  const walk = (path, depth) => {
    if (depth > MAX_DEPTH) throw new Error(`its groups lie in each other more than ${MAX_DEPTH} deep`);
    nodes.push({ path, attributes: attributes(id, path), dataset: undefined });
    for (const name of library.get_names(id, path, false)) {
      if (nodes.length > MAX_NODES) throw new Error(`it has more than ${MAX_NODES} groups and datasets`);
      const child = path === '/' ? `/${name}` : `${path}/${name}`;
      const type = library.get_type(id, child);
      if (type === library.H5G_GROUP) walk(child, depth + 1);
      else if (type === library.H5G_DATASET) nodes.push({ path: child, attributes: [], dataset: dataset(id, child) });
    }
  };
  walk('/', 0);
  return nodes;
}

/** Those that are texts. @param {bigint} id @param {string} path @returns {Hdf5Attribute[]} */
function attributes(id, path) {
  return library.get_attribute_names(id, path).flatMap((/** @type {string} */ name) => {
    const { type, size, total_size: count, shape, vlen } = library.get_attribute_metadata(id, path, name);
    if (type !== STRING || shape === null) return [];
    left.texts -= count + 1;
    if (!(left.texts >= 0 && count * size <= left.bytes)) throw new Error('its attributes hold too much text');
    return [{ name, texts: texts(id, path, name, { count, size, vlen }), isList: shape.length > 0 }];
  });
}

/** @param {bigint} id @param {string} path @param {string} name @param {{ count: number, size: number, vlen: boolean }} metadata */
function texts(id, path, name, { count, size, vlen }) {
  return withMemory(count * size, (place) => {
    if (library.get_attribute_data(id, path, name, BigInt(place)) < 0) {
      throw new Error(`its attribute ${JSON.stringify(name)} is damaged`);
    }
    try {
      return Array.from({ length: count }, (_, i) => {
        const at = place + i * size;
        if (!vlen) return text(at, size);
        const pointer = new DataView(library.HEAPU8.buffer).getUint32(at, true);
        return pointer === 0 ? '' : text(pointer, left.bytes);
      });
    } finally {
      if (vlen) library.reclaim_vlen_memory(id, path, name, BigInt(place));
    }
  });
}

/** UTF-8 up to a zero. @param {number} at @param {number} most */
function text(at, most) {
  const bytes = library.HEAPU8.subarray(at, at + most);
  const end = bytes.indexOf(0);
  const length = end === -1 ? bytes.length : end;
  left.bytes -= length;
  return new TextDecoder().decode(bytes.slice(0, length));
}

/** @param {bigint} id @param {string} path @returns {NonNullable<Hdf5Node['dataset']>} */
function dataset(id, path) {
  const { type, size, shape, chunks } = library.get_dataset_metadata(id, path);
  return { isFloat: type === FLOAT, class: type, size, shape: shape ?? [], isChunked: chunks !== null };
}

/**
 * Rows of the first axis from byte `offset` of the dataset on, as many as a slice holds, little-endian whatever the file.
 * @param {bigint} id @param {Extract<Hdf5Request, { kind: 'slice' }>} request @returns {ArrayBuffer}
 */
function slice(id, { dataset: path, offset, expected }) {
  const { type, size, total_size: elements, shape } = library.get_dataset_metadata(id, path);
  if (type !== FLOAT || shape === null || size * elements !== expected) throw new Error('it changed while it was read');
  const [rows = 1] = shape;
  const rowBytes = expected / rows;
  if (rowBytes > MAX_SLICE_BYTES) throw new Error(`a row of ${JSON.stringify(path)} has ${rowBytes} bytes`);
  const from = Math.round(offset / rowBytes);
  const count = Math.min(rows - from, Math.floor(MAX_SLICE_BYTES / rowBytes));
  return withMemory(count * rowBytes, (place) => {
    /** @param {number} first @param {(length: number) => number} rest */
    const each = (first, rest) => shape.map((length, axis) => BigInt(axis === 0 ? first : rest(length)));
    const range =
      shape.length === 0 ? null : { count: each(count, (n) => n), from: each(from, () => 0), step: each(1, () => 1) };
    const { count: counts = null, from: starts = null, step = null } = range ?? {};
    if (library.get_dataset_data(id, path, counts, starts, step, BigInt(place)) < 0) {
      throw new Error(`libhdf5 cannot read ${JSON.stringify(path)}`);
    }
    return /** @type {ArrayBuffer} */ (library.HEAPU8.slice(place, place + count * rowBytes).buffer);
  });
}

/** @template T @param {number} bytes @param {(place: number) => T} use @returns {T} */
function withMemory(bytes, use) {
  const place = library._malloc(Math.max(bytes, 1));
  if (place === 0) throw new RangeError(`it needs ${bytes} bytes at once`);
  try {
    return use(place);
  } finally {
    library._free(place);
  }
}

/** libhdf5 asks for as much as a damaged file says; to be refused is something that it can deal with. */
function limitMemory() {
  const { grow } = Memory.prototype;
  Memory.prototype.grow = function limited(/** @type {number} */ pages) {
    if (this.buffer.byteLength + pages * 65_536 > MAX_MEMORY_BYTES) throw new RangeError('out of memory');
    return grow.call(this, pages);
  };
}

/** In place of the file system: one file, to read. A file's links to other files, and plugins, lead nowhere. */
function showOneFile() {
  const { FS } = /** @type {any} */ (library);
  const NO_ENTRY = 44;
  const missing = () => {
    throw new FS.ErrnoError(NO_ENTRY);
  };
  const closed =
    'chmod chown fchmod fchown ftruncate lookup lookupPath mkdir mknod readdir readlink rename rmdir symlink';
  for (const name of [...closed.split(' '), 'truncate', 'unlink', 'utime']) FS[name] = missing;
  const status = () => {
    const { size, inode } = source;
    const time = new Date(0);
    const times = { atime: time, mtime: time, ctime: time };
    return {
      dev: 1,
      ino: inode,
      mode: 0o100444,
      nlink: 1,
      uid: 0,
      gid: 0,
      rdev: 0,
      size,
      blksize: 4096,
      blocks: 1,
      ...times,
    };
  };
  const operations = {
    /** @param {{ position: number }} stream @param {number} offset @param {0 | 1 | 2} whence */
    llseek: ({ position }, offset, whence) => offset + /** @type {const} */ ([0, position, source.size])[whence],
    /** @param {unknown} _ @param {Int8Array} buffer @param {number} offset @param {number} length @param {number} position */
    read: (_, buffer, offset, length, position) => {
      const inside = Math.max(0, Math.min(length, source.size - position));
      return inside === 0 ? 0 : readSync(source.fd, buffer, offset, inside, source.start + position);
    },
  };
  const { createStream } = FS;
  FS.open = (/** @type {string} */ path, /** @type {number} */ flags) => {
    if (path !== FILE) missing();
    const node = { id: source.inode, mode: 0o100444 };
    return createStream({ position: 0, path, flags, seekable: true, stream_ops: operations, node });
  };
  FS.stat = (/** @type {string} */ path) => (path === FILE ? status() : missing());
  FS.fstat = status;
  // What libhdf5 says about errors.
  FS.write = (
    /** @type {unknown} */ _,
    /** @type {unknown} */ _buffer,
    /** @type {number} */ _offset,
    /** @type {number} */ length,
  ) => length;
}
