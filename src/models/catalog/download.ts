/**
 * Downloads one large file: what arrived is kept when the connection or the process ends and asked for no second time
 * (range-request.ts), and the digest is computed while the bytes stream. Knows nothing of models.
 */

import { setTimeout as wait } from 'node:timers/promises';
import { ExitCode, modelError, RunError } from '../../errors.js';
import { type Client, FatalError, openClient, TransientError } from './http-get.js';
import { PartialDownload, removePart } from './partial-download.js';
import { isPublished, type PublishedHash } from './published-weights.js';
import { type RangeTarget, rangeHeaders, wholeOf } from './range-request.js';

export interface DownloadLimits {
  /** A server that sends nothing for so long is given up, in milliseconds. */
  readonly stallMs: number;
  /** Attempts in a row that bring no byte, before the download fails. */
  readonly attempts: number;
  /** Wait before the second attempt, in milliseconds; doubled before each further one. */
  readonly backoffMs: number;
}

export const DOWNLOAD_LIMITS: DownloadLimits = { stallMs: 30_000, attempts: 5, backoffMs: 500 };

export interface DownloadOptions extends RangeTarget {
  /** Where the bytes go; left behind on failure, so that the next attempt goes on. */
  readonly path: string;
  readonly hash: PublishedHash;
  /** What to do instead, for the errors. */
  readonly hint: string;
  readonly limits?: Partial<DownloadLimits>;
  readonly signal?: AbortSignal | undefined;
}

export type DownloadEvent =
  /** Bytes there are, of so many where that is known. */
  | { readonly type: 'progress'; readonly bytes: number; readonly total: number | undefined }
  /** An attempt failed, and the next begins after a while. */
  | { readonly type: 'retry'; readonly reason: string; readonly waitMs: number };

/**
 * Ends when the whole file is at `path` and has the published hash. Throws MODEL_NOT_FOUND where it cannot be had,
 * MODEL_INVALID where it is another file (then nothing is left at `path`), the signal's reason when aborted, and the
 * system's own errors where the disk fails.
 */
export async function* download(options: DownloadOptions): AsyncGenerator<DownloadEvent, void> {
  const limits = { ...DOWNLOAD_LIMITS, ...options.limits };
  const part = await PartialDownload.open(options.path, options.hash.algorithm);
  const client = await openClient(limits.stallMs);
  try {
    for (let failures = 0; ; ) {
      const before = part.bytes;
      try {
        yield* attempt(client, part, options);
        return;
      } catch (error) {
        if (error instanceof FatalError) throw notToBeHad(error.message, options, error);
        if (!(error instanceof TransientError)) throw error;
        failures = part.bytes > before ? 1 : failures + 1;
        if (failures >= limits.attempts) throw notToBeHad(`${error.message}, ${failures} times`, options, error);
        const waitMs = error.waitMs ?? limits.backoffMs * 2 ** (failures - 1) * jitter();
        yield { type: 'retry', reason: error.message, waitMs };
        await wait(waitMs, undefined, options.signal === undefined ? {} : { signal: options.signal });
      }
    }
  } finally {
    await Promise.all([part.close(), client.close()]);
  }
}

/** So that many machines that were cut off together do not come back together: 0.75 to 1.25. */
function jitter(): number {
  return 0.75 + Math.random() / 2;
}

/** Gets what is missing, and checks the whole. */
async function* attempt(
  client: Client,
  part: PartialDownload,
  options: DownloadOptions,
): AsyncGenerator<DownloadEvent, void> {
  options.signal?.throwIfAborted();
  if (part.bytes === 0 || part.bytes !== part.whole?.total) yield* receive(client, part, options);
  const digest = part.digest();
  if (isPublished(digest, options.hash)) return;
  const mixed = part.isMixed;
  await part.restart();
  if (mixed) throw new TransientError('the parts of the download are not of one file');
  await removePart(options.path);
  const { algorithm, hex } = options.hash;
  throw modelError(
    `Expected a ${algorithm} that starts with ${hex.slice(0, SHOWN_DIGITS)} for ${options.url} but what came has ${digest.slice(0, SHOWN_DIGITS)}.`,
    { hint: `The download was deleted. The server has another file than the published one: ${options.hint}` },
  );
}

const SHOWN_DIGITS = 16;

async function* receive(
  client: Client,
  part: PartialDownload,
  options: DownloadOptions,
): AsyncGenerator<DownloadEvent, void> {
  const { url, signal, least, most } = options;
  const answer = await client.get(url, rangeHeaders(part, url), signal);
  try {
    const whole = await wholeOf(answer, part, options);
    if (whole === undefined) return; // the server says that nothing is missing
    const total = whole.total ?? (least === most ? least : undefined);
    await part.begin(whole);
    yield { type: 'progress', bytes: part.bytes, total };
    for await (const chunk of answer.body) {
      if (part.bytes + chunk.length > most) throw new FatalError(`${url} sends more than ${most} bytes`);
      await part.append(chunk);
      yield { type: 'progress', bytes: part.bytes, total };
    }
    if (part.bytes < (whole.total ?? least)) throw new TransientError(`${url} ended before its end`);
  } finally {
    answer.discard();
  }
}

function notToBeHad(reason: string, { hint }: DownloadOptions, cause: unknown): RunError {
  return new RunError('MODEL_NOT_FOUND', `Expected to download the weights but ${reason}.`, {
    exitCode: ExitCode.Model,
    hint: `Type the same again to go on where it stopped; or ${hint}`,
    cause,
  });
}
