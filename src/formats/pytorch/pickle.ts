/**
 * A reader for the part of Python's pickle format that torch.save writes for tensors. A pickle is a program; this one
 * builds plain values, and the only things it can "call" are the entries of a table that the caller passes. Opcodes:
 * CPython's Lib/pickletools.py.
 */

import { modelError } from '../../errors.js';
import { shown } from '../shared/shown.js';

/** Instructions, at most: VGG-16 takes 1,300, a checkpoint with an optimiser's state 10,000; each makes one value at most. */
export const MAX_OPERATIONS = 200_000;

/** A Python dict; `Map`, because a file chooses the keys. */
export class PickleDict extends Map<unknown, unknown> {}

/** What a global name stands for; only `call` makes it callable. */
export interface PickleGlobal {
  readonly name: string;
  readonly call?: (args: readonly unknown[]) => unknown;
}

export interface PickleTable {
  /** The meaning of `module.name`; throws for whatever is not known to be harmless. */
  resolve(name: string): PickleGlobal;
  /** The object that lies outside the pickle (torch: a storage). */
  load(id: unknown): unknown;
}

/** The value of the pickle at `start`, and where it ends. Throws MODEL_INVALID for damage and for unknown instructions. */
export function unpickle(
  bytes: Buffer,
  start: number,
  table: PickleTable,
  path: string,
): { value: unknown; end: number } {
  return new Unpickler(bytes, start, table, path).run();
}

/** Marks where the items of a tuple, list or dict begin on the stack. */
const MARK = Symbol('mark');

class Unpickler {
  readonly #bytes: Buffer;
  readonly #table: PickleTable;
  readonly #path: string;
  readonly #stack: unknown[] = [];
  readonly #memo = new Map<number, unknown>();
  #position: number;

  constructor(bytes: Buffer, start: number, table: PickleTable, path: string) {
    this.#bytes = bytes;
    this.#position = start;
    this.#table = table;
    this.#path = path;
  }

  run(): { value: unknown; end: number } {
    for (let operation = 0; operation < MAX_OPERATIONS; operation++) {
      const opcode = this.#u8();
      if (opcode === STOP) return { value: this.#pop(), end: this.#position };
      this.#execute(opcode);
    }
    throw this.#damaged(`it has more than ${MAX_OPERATIONS} instructions`);
  }

  #execute(opcode: number): void {
    const stack = this.#stack;
    switch (String.fromCharCode(opcode)) {
      case '\x80': // PROTO
        this.#protocol(this.#u8());
        break;
      case '\x95': // FRAME: its length is of no use in memory
        this.#take(8);
        break;
      case '(':
        stack.push(MARK);
        break;
      case '0': // POP
        this.#pop();
        break;
      case 'N':
        stack.push(null);
        break;
      case '\x88':
        stack.push(true);
        break;
      case '\x89':
        stack.push(false);
        break;
      case 'J': // BININT
        stack.push(this.#take(4).readInt32LE());
        break;
      case 'K': // BININT1
        stack.push(this.#u8());
        break;
      case 'M': // BININT2
        stack.push(this.#take(2).readUInt16LE());
        break;
      case '\x8a': // LONG1
        stack.push(integer(this.#take(this.#u8())));
        break;
      case 'G': // BINFLOAT
        stack.push(this.#take(8).readDoubleBE());
        break;
      case 'X': // BINUNICODE
        stack.push(this.#take(this.#u32()).toString('utf8'));
        break;
      case '\x8c': // SHORT_BINUNICODE
        stack.push(this.#take(this.#u8()).toString('utf8'));
        break;
      case 'T': // BINSTRING: text that Python 2 wrote
        stack.push(this.#take(this.#u32()).toString('latin1'));
        break;
      case 'U': // SHORT_BINSTRING
        stack.push(this.#take(this.#u8()).toString('latin1'));
        break;
      case ')':
        stack.push([]);
        break;
      case 't': // TUPLE
        stack.push(this.#popToMark());
        break;
      case '\x85':
        stack.push(this.#popMany(1));
        break;
      case '\x86':
        stack.push(this.#popMany(2));
        break;
      case '\x87':
        stack.push(this.#popMany(3));
        break;
      case ']':
        stack.push([]);
        break;
      case 'a': // APPEND
        this.#append(this.#popMany(1));
        break;
      case 'e': // APPENDS
        this.#append(this.#popToMark());
        break;
      case '}':
        stack.push(new PickleDict());
        break;
      case 's': // SETITEM
        this.#setItems(this.#popMany(2));
        break;
      case 'u': // SETITEMS
        this.#setItems(this.#popToMark());
        break;
      case 'q': // BINPUT
        this.#memo.set(this.#u8(), this.#top());
        break;
      case 'r': // LONG_BINPUT
        this.#memo.set(this.#u32(), this.#top());
        break;
      case '\x94': // MEMOIZE
        this.#memo.set(this.#memo.size, this.#top());
        break;
      case 'h': // BINGET
        this.#get(this.#u8());
        break;
      case 'j': // LONG_BINGET
        this.#get(this.#u32());
        break;
      case 'c': // GLOBAL
        this.#global(this.#line(), this.#line());
        break;
      case '\x93': {
        const [module, name] = this.#popMany(2); // STACK_GLOBAL
        this.#global(module, name);
        break;
      }
      case 'R':
        this.#reduce();
        break;
      case 'b': // BUILD: the attributes of a state_dict (`_metadata`: versions of modules) say nothing about tensors
        this.#pop();
        if (!(this.#top() instanceof PickleDict))
          throw this.#damaged('it sets attributes of something that is no dict');
        break;
      case 'Q': // BINPERSID
        stack.push(this.#table.load(this.#pop()));
        break;
      default:
        throw this.#damaged(
          `it has the instruction 0x${opcode.toString(16).padStart(2, '0')} at byte ${this.#position - 1}, which no file of plain tensors needs`,
        );
    }
  }

  #protocol(version: number): void {
    if (version < 2 || version > 5) throw this.#damaged(`its protocol is ${version}, expected 2 to 5`);
  }

  #reduce(): void {
    const [callee, args] = this.#popMany(2);
    if (!isGlobal(callee) || callee.call === undefined || !Array.isArray(args))
      throw this.#damaged('it calls something that is no function');
    this.#stack.push(callee.call(args));
  }

  #global(module: unknown, name: unknown): void {
    if (typeof module !== 'string' || typeof name !== 'string') throw this.#damaged('a global has no name');
    this.#stack.push(new Global(this.#table.resolve(`${module}.${name}`)));
  }

  #append(items: readonly unknown[]): void {
    const list = this.#top();
    if (!Array.isArray(list)) throw this.#damaged('it appends to something that is no list');
    for (const item of items) list.push(item);
  }

  #setItems(items: readonly unknown[]): void {
    const dict = this.#top();
    if (!(dict instanceof PickleDict) || items.length % 2 !== 0)
      throw this.#damaged('it sets items of something that is no dict');
    for (let i = 0; i < items.length; i += 2) {
      const key = items[i];
      if (typeof key === 'string' && dict.has(key)) throw this.#damaged(`the key ${shown(key)} occurs twice`);
      dict.set(key, items[i + 1]);
    }
  }

  #get(index: number): void {
    if (!this.#memo.has(index)) throw this.#damaged(`it refers to value ${index}, which it never made`);
    this.#stack.push(this.#memo.get(index));
  }

  #top(): unknown {
    if (this.#stack.length === 0 || this.#stack.at(-1) === MARK) throw this.#damaged('its stack is empty');
    return this.#stack.at(-1);
  }

  #pop(): unknown {
    const value = this.#top();
    this.#stack.pop();
    return value;
  }

  #popMany(count: number): unknown[] {
    const values = Array.from({ length: count }, () => this.#pop());
    return values.reverse();
  }

  #popToMark(): unknown[] {
    const mark = this.#stack.lastIndexOf(MARK);
    if (mark < 0) throw this.#damaged('a mark is missing');
    const values = this.#stack.splice(mark + 1);
    this.#stack.pop();
    return values;
  }

  #u8(): number {
    return this.#take(1).readUInt8();
  }

  #u32(): number {
    return this.#take(4).readUInt32LE();
  }

  /** A view of the next `length` bytes; nothing is allocated. */
  #take(length: number): Buffer {
    const end = this.#position + length;
    if (end > this.#bytes.length) throw this.#damaged(`it is truncated: ${end - this.#bytes.length} bytes are missing`);
    const bytes = this.#bytes.subarray(this.#position, end);
    this.#position = end;
    return bytes;
  }

  #line(): string {
    const end = this.#bytes.indexOf(0x0a, this.#position);
    if (end < 0) throw this.#damaged('it is truncated: a name has no end');
    const line = this.#bytes.toString('utf8', this.#position, end);
    this.#position = end + 1;
    return line;
  }

  #damaged(what: string): Error {
    return modelError(`Expected a pickle of tensors in ${this.#path} but ${what}.`);
  }
}

const STOP = 0x2e;

/** Tells globals on the stack from whatever else a file can put there. */
class Global implements PickleGlobal {
  readonly name: string;
  readonly call?: (args: readonly unknown[]) => unknown;

  constructor(global: PickleGlobal) {
    this.name = global.name;
    if (global.call !== undefined) this.call = global.call;
  }
}

export function isGlobal(value: unknown): value is PickleGlobal {
  return value instanceof Global;
}

/** Python's long: little-endian two's complement, as a number where that is exact, else as a bigint. */
function integer(bytes: Buffer): number | bigint {
  let value = 0n;
  for (let i = bytes.length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i] as number);
  const signed = bytes.length > 0 && (bytes.at(-1) as number) & 0x80 ? value - (1n << BigInt(8 * bytes.length)) : value;
  return signed >= BigInt(Number.MIN_SAFE_INTEGER) && signed <= BigInt(Number.MAX_SAFE_INTEGER)
    ? Number(signed)
    : signed;
}
