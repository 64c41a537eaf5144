/**
 * Protobuf messages that are larger than memory should hold: the fields of a message are walked in the file, the large
 * ones are left there and only their ranges are kept, the rest is decoded by protobufjs.
 * Encoding: https://protobuf.dev/programming-guides/encoding/
 */

import protobuf from 'protobufjs/light.js';
import { modelError, RunError } from '../../errors.js';
import type { RandomAccessFile } from './random-access-file.js';

/** A part of the file: from byte `start` up to, not including, byte `end`. */
export interface ByteSpan {
  readonly start: number;
  readonly end: number;
}

/** A message whose large fields stay in the file. */
export interface Split<T> {
  readonly message: T;
  /** For each number that was asked for, the contents of its fields in the order of the file. */
  readonly spans: ReadonlyMap<number, readonly ByteSpan[]>;
}

interface Field {
  readonly id: number;
  readonly wire: number;
  /** Its tag's first byte. */
  readonly start: number;
  /** Its content, without tag and length. */
  readonly content: ByteSpan;
}

/** What is decoded of one message, in bytes, at most: a node of VGG-16 takes 300, a bias of 20,000 classes 80 KB. */
export const MAX_MESSAGE_BYTES = 256 * 1024;

/** The same of one that has a card among its fields: with 1,000 labels that takes 40 KB. */
export const MAX_METADATA_BYTES = 8 * 1024 * 1024;

/** Fields of all messages that are walked, at most: VGG-16 has about 500, the exporters' annotations ten times that. */
const MAX_FIELDS = 300_000;

/** What is read at once: the graph of VGG-16 without its weights takes 10 to 100 KB. */
const WINDOW_BYTES = 64 * 1024;

/** A tag and a length, in bytes, at most: varints of 10. */
const HEAD_BYTES = 20;

/** Top-level fields that are looked at to recognise a format: its graph or its layers come within the first few. */
const RECOGNISED_FIELDS = 64;

const VARINT = 0;
const FIXED64 = 1;
export const LENGTH_DELIMITED = 2;
const FIXED32 = 5;

/** Message types by name, from protobufjs's JSON form of a schema with only the fields that are read. */
export function messageTypes<K extends string>(
  fields: Readonly<Record<K, Readonly<Record<string, readonly [id: number, type: string, rule?: 'repeated']>>>>,
): Readonly<Record<K, protobuf.Type>> {
  const entries = Object.entries(fields) as [K, (typeof fields)[K]][];
  const root = protobuf.Root.fromJSON({
    nested: Object.fromEntries(
      entries.map(([name, each]) => [
        name,
        {
          fields: Object.fromEntries(
            Object.entries(each).map(([field, [id, type, rule]]) => [
              field,
              rule === undefined ? { id, type } : { id, type, rule },
            ]),
          ),
        },
      ]),
    ),
  });
  return Object.fromEntries(entries.map(([name]) => [name, root.lookupType(name)])) as Record<K, protobuf.Type>;
}

/** One file of one format; counts what it has walked, so that no file keeps it busy for ever. */
export class ProtobufFile {
  #window: Buffer = Buffer.alloc(0);
  #windowStart = 0;
  #fields = 0;

  constructor(readonly file: RandomAccessFile) {}

  get whole(): ByteSpan {
    return { start: 0, end: this.file.bytes };
  }

  /** The message in `span`: `type` without the fields in `apart`, whose places are given. What `type` lacks is skipped. */
  async split<T>(
    span: ByteSpan,
    type: protobuf.Type,
    apart: readonly number[] = [],
    limit = MAX_MESSAGE_BYTES,
  ): Promise<Split<T>> {
    const spans = new Map<number, ByteSpan[]>(apart.map((id) => [id, []]));
    const kept: Buffer[] = [];
    let bytes = 0;
    await this.walk(span, ({ id, wire, start, content }) => {
      const list = spans.get(id);
      if (list !== undefined && wire === LENGTH_DELIMITED) list.push(content);
      if (list !== undefined || type.fieldsById[id] === undefined) return undefined;
      const length = content.end - start;
      bytes += length;
      this.checkSize(bytes, limit, `a ${type.name} at byte ${span.start}`);
      const held = this.#held(start, length);
      if (held === undefined) return this.#bytes(start, length).then((read) => void kept.push(read));
      kept.push(held);
      return undefined;
    });
    return { message: this.#decode(type, Buffer.concat(kept), span), spans };
  }

  /** The message in `span`, all of it. */
  async message<T>(span: ByteSpan, type: protobuf.Type): Promise<T> {
    return (await this.split<T>(span, type)).message;
  }

  #decode<T>(type: protobuf.Type, bytes: Buffer, { start }: ByteSpan): T {
    return this.#sound(`its ${type.name} at byte ${start}`, () =>
      type.toObject(type.decode(bytes), { longs: Number, bytes: Array, arrays: true, defaults: true }),
    ) as T;
  }

  /** Calls `visit` for each field of the message in `span`; none reaches beyond it. */
  async walk(span: ByteSpan, visit: (field: Field) => Promise<void> | undefined): Promise<void> {
    for (let position = span.start; position < span.end; ) {
      const head = this.#head(position, span.end);
      // To wait for what is at hand takes longer than all of the rest.
      const field = this.#field(position, head instanceof Promise ? await head : head);
      const missing = field.content.end - span.end;
      if (missing > 0) throw this.#damaged(`${missing} bytes of the field at byte ${position} are missing`);
      const pending = visit(field);
      if (pending !== undefined) await pending;
      position = field.content.end;
    }
  }

  /**
   * The first fields of the file as text (`1:0`: number 1, a varint), once each, to recognise its format. What is no
   * protobuf, or cut off, ends the list.
   */
  async firstFields(): Promise<ReadonlySet<string>> {
    const found = new Set<string>();
    try {
      for (let position = 0, i = 0; position < this.file.bytes && i < RECOGNISED_FIELDS; i++) {
        const { id, wire, content } = this.#field(position, await this.#head(position, this.file.bytes));
        found.add(`${id}:${wire}`);
        position = content.end;
      }
    } catch (error) {
      if (!(error instanceof RunError)) throw error;
    }
    return found;
  }

  /** The varints of a packed field, as numbers; those beyond 2^53 lose digits. */
  varints(bytes: Buffer, { start }: ByteSpan): number[] {
    return this.#sound(`its numbers at byte ${start}`, () => {
      const reader = protobuf.Reader.create(bytes);
      const numbers: number[] = [];
      while (reader.pos < reader.len) numbers.push(toNumber(reader.int64()));
      return numbers;
    });
  }

  /** The bytes of `span`; throws where there are too many. */
  async bytes({ start, end }: ByteSpan): Promise<Buffer> {
    this.checkSize(end - start, MAX_MESSAGE_BYTES, `the data at byte ${start}`);
    return await this.#bytes(start, end - start);
  }

  checkSize(bytes: number, limit: number, what: string): void {
    if (bytes > limit)
      throw modelError(`Expected at most ${limit} bytes for ${what} of ${this.file.path} but there are more.`);
  }

  #head(start: number, end: number): Buffer | Promise<Buffer> {
    const length = Math.min(HEAD_BYTES, end - start);
    return this.#held(start, length) ?? this.#bytes(start, length);
  }

  #field(start: number, head: Buffer): Field {
    if (++this.#fields > MAX_FIELDS) {
      throw modelError(`Expected at most ${MAX_FIELDS} fields of protobuf in ${this.file.path} but it has more.`);
    }
    const { tag, headBytes, length } = this.#sound(`the field at byte ${start}`, () => headOf(head));
    const content = { start: start + headBytes, end: start + headBytes + length };
    return { id: tag >>> 3, wire: tag & 7, start, content };
  }

  /** Bytes that the window has. */
  #held(start: number, length: number): Buffer | undefined {
    const at = start - this.#windowStart;
    return at >= 0 && at + length <= this.#window.length ? this.#window.subarray(at, at + length) : undefined;
  }

  /** From the window where it has them, else it is moved there. */
  async #bytes(start: number, length: number): Promise<Buffer> {
    const held = this.#held(start, length);
    if (held !== undefined) return held;
    if (length > WINDOW_BYTES) return await this.file.read(start, length);
    this.#window = await this.file.read(start, Math.min(WINDOW_BYTES, this.file.bytes - start));
    this.#windowStart = start;
    return this.#window.subarray(0, length);
  }

  /** protobufjs's errors as ours. */
  #sound<T>(what: string, work: () => T): T {
    try {
      return work();
    } catch (error) {
      if (error instanceof RunError) throw error;
      throw this.#damaged(`${what} is no protobuf`, error);
    }
  }

  #damaged(why: string, cause?: unknown): Error {
    return modelError(`${this.file.path} is damaged or truncated: ${why}.`, cause === undefined ? {} : { cause });
  }
}

/** A tag, and how many bytes it and its length take, and its content. Throws where they are none. */
function headOf(head: Buffer): { readonly tag: number; readonly headBytes: number; readonly length: number } {
  const reader = protobuf.Reader.create(head);
  const tag = reader.uint32();
  if (tag >>> 3 === 0) throw new RangeError('field 0');
  const headBytes = reader.pos;
  switch (tag & 7) {
    case VARINT:
      reader.uint64();
      return { tag, headBytes, length: reader.pos - headBytes };
    case FIXED64:
      return { tag, headBytes, length: 8 };
    case LENGTH_DELIMITED: {
      const length = toNumber(reader.uint64());
      return { tag, headBytes: reader.pos, length };
    }
    case FIXED32:
      return { tag, headBytes, length: 4 };
    default:
      throw new RangeError('a group');
  }
}

/** protobufjs gives 64 bits as Long, whose type it imports in a way that ES modules do not resolve. */
function toNumber(value: unknown): number {
  return typeof value === 'number' ? value : (value as { toNumber(): number }).toNumber();
}
