/**
 * Asks a server for the bytes of a file that are missing, and reads what its answer is part of: Range, If-Range and
 * Content-Range (RFC 9110, 13.1.5 and 14).
 */

import { type Answer, FatalError, TransientError } from './http-get.js';
import type { PartialDownload, Whole } from './partial-download.js';

/** The file that is asked for. */
export interface RangeTarget {
  readonly url: string;
  /** Bytes that the file can have; both are the same where its size is known. */
  readonly least: number;
  readonly most: number;
}

/** A range only where there are bytes; by the validator where it is of the same address, else the hash will tell. */
export function rangeHeaders(part: PartialDownload, url: string): Record<string, string> {
  if (part.bytes === 0) return {};
  const validator = part.whole?.url === url ? part.whole.validator : null;
  return { range: `bytes=${part.bytes}-`, ...(validator === null ? {} : { 'if-range': validator }) };
}

/** What the answer is part of, after `part` has been emptied where the answer begins anew; `undefined` where all is there. */
export async function wholeOf(answer: Answer, part: PartialDownload, target: RangeTarget): Promise<Whole | undefined> {
  const { status, headers } = answer;
  const { url } = target;
  if ((headers['content-encoding'] ?? 'identity') !== 'identity') {
    throw new FatalError(`${url} comes compressed (${headers['content-encoding']})`);
  }
  const [, start, size] = /^bytes (?:(\d+)-\d+|\*)\/(\d+)$/.exec(headers['content-range'] ?? '') ?? [];
  if (status === 416) {
    if (Number(size) === part.bytes) return undefined;
    await part.restart();
    throw new TransientError(`${url} has fewer bytes than were there`);
  }
  if (status === 206) {
    const total = size === undefined ? null : Number(size);
    checkSize(total, target);
    const known = part.whole?.total ?? null;
    if (Number(start) !== part.bytes || (known !== null && total !== null && known !== total)) {
      await part.restart();
      throw new TransientError(`${url} sent another part than was asked for`);
    }
    return { url, validator: validatorOf(headers), total };
  }
  if (status !== 200) throw new FatalError(`${url} answers ${status}`);
  const length = headers['content-length'];
  const total = length === undefined ? null : Number(length);
  checkSize(total, target);
  if (part.bytes > 0) await part.restart();
  return { url, validator: validatorOf(headers), total };
}

/** Before the first byte: a page that says "log in" is no model. */
function checkSize(total: number | null, { url, least, most }: RangeTarget): void {
  if (total === null || (total >= least && total <= most)) return;
  const expected = least === most ? `${least}` : `${least} to ${most}`;
  throw new FatalError(`${url} has ${total} bytes instead of ${expected}`);
}

/** Only a strong ETag, or a time, may stand in If-Range (RFC 9110, 13.1.5). */
function validatorOf(headers: Answer['headers']): string | null {
  const { etag } = headers;
  if (etag?.startsWith('"') === true) return etag;
  return headers['last-modified'] ?? null;
}
