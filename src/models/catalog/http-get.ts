/** One GET over HTTP: proxies of the environment, redirects, time limits; every failure sorted by whether to try again. */

import type { Dispatcher } from 'undici';

/** Answers that send elsewhere, one after the other, at most; browsers follow 20. */
const MAX_REDIRECTS = 10;

const REDIRECTS: readonly number[] = [301, 302, 303, 307, 308];

/** Answers after which the same request may succeed: time out, too early, too many, and all faults of the server. */
const TRY_AGAIN: readonly number[] = [408, 425, 429];

/** Longest wait that a server may ask for, in milliseconds. */
const MAX_RETRY_AFTER_MS = 60_000;

/** Bytes of a body that wait to be written, at most, before the server has to wait. */
const MAX_HELD_BYTES = 1 << 20;

/** A failure that may pass. */
export class TransientError extends Error {
  override readonly name = 'TransientError';

  constructor(
    message: string,
    /** What the server asks to wait, in milliseconds. */
    readonly waitMs?: number,
    cause?: unknown,
  ) {
    super(message, cause === undefined ? undefined : { cause });
  }
}

/** A failure that will not pass by itself. */
export class FatalError extends Error {
  override readonly name = 'FatalError';
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** Throws a TransientError where it breaks off. */
  readonly body: AsyncIterable<Uint8Array>;
  /** Ends the connection without reading the rest. */
  readonly discard: () => void;
}

export interface Client {
  /** Resolves to the answer after all redirects. Throws a TransientError or a FatalError; the abort's reason when aborted. */
  get(url: string, headers: Readonly<Record<string, string>>, signal: AbortSignal | undefined): Promise<Answer>;
  close(): Promise<void>;
}

/** A client that gives up on a server which sends nothing for `stallMs`. */
export async function openClient(stallMs: number): Promise<Client> {
  const { EnvHttpProxyAgent, request } = await import('undici');
  const dispatcher = silently(
    () => new EnvHttpProxyAgent({ connect: { timeout: stallMs }, headersTimeout: stallMs, bodyTimeout: stallMs }),
  );
  const send = async (url: URL, headers: Readonly<Record<string, string>>, signal: AbortSignal | undefined) => {
    try {
      return await request(url, {
        dispatcher,
        headers: { 'user-agent': 'vgg16', 'accept-encoding': 'identity', ...headers },
        ...(signal === undefined ? {} : { signal }),
      });
    } catch (error) {
      throw sorted(error, url, stallMs, signal);
    }
  };
  return {
    async get(first, headers, signal) {
      let url = httpUrl(first);
      for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
        const answer = await send(url, headers, signal);
        const { statusCode: status } = answer;
        const answeredBy = url;
        const fields = flat(answer.headers);
        // One that breaks off before anybody reads it would end the process.
        answer.body.on('error', () => {});
        const discard = () => void answer.body.destroy();
        if (!REDIRECTS.includes(status)) {
          if (status >= 400 && status !== 416) {
            discard();
            throw statusError(status, url, fields['retry-after']);
          }
          const body = chunks(answer.body, (error) => sorted(error, answeredBy, stallMs, signal));
          return { status, headers: fields, body, discard };
        }
        discard();
        url = redirected(url, fields.location);
      }
      throw new FatalError(`${first} redirects more than ${MAX_REDIRECTS} times`);
    },
    close: () => dispatcher.destroy(),
  };
}

/** undici announces that this class may change; the version in use is fixed. */
function silently<T>(make: () => T): T {
  const { emitWarning } = process;
  process.emitWarning = () => {};
  try {
    return make();
  } finally {
    process.emitWarning = emitWarning;
  }
}

function httpUrl(text: string): URL {
  if (!URL.canParse(text)) throw new FatalError(`${text} is no address`);
  const url = new URL(text);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') throw new FatalError(`${text} is not of http or https`);
  return url;
}

function redirected(from: URL, location: string | undefined): URL {
  if (location === undefined || !URL.canParse(location, from.href))
    throw new FatalError(`${from} redirects to nowhere`);
  const to = httpUrl(new URL(location, from).href);
  if (from.protocol === 'https:' && to.protocol === 'http:') {
    throw new FatalError(`${from} redirects to ${to}, which is not encrypted`);
  }
  return to;
}

function statusError(status: number, url: URL, retryAfter: string | undefined): Error {
  const message = `${url} answers ${status}`;
  if (status < 500 && !TRY_AGAIN.includes(status)) return new FatalError(message);
  const seconds = Number(retryAfter);
  const waitMs = seconds > 0 ? Math.min(seconds * 1000, MAX_RETRY_AFTER_MS) : undefined;
  return new TransientError(message, waitMs);
}

/**
 * The chunks of a body, from now on as they come: those that came before it broke off are given first, and then the
 * error. The body's own iterator would drop them with the error, and a server that often breaks off would never end.
 */
function chunks(
  body: Dispatcher.ResponseData['body'],
  sortedError: (error: unknown) => Error,
): AsyncGenerator<Uint8Array, void> {
  const queue: Buffer[] = [];
  let held = 0;
  let ended = false;
  let failure: { readonly error: unknown } | undefined;
  let wake = () => {};
  body.on('data', (chunk: Buffer) => {
    queue.push(chunk);
    held += chunk.length;
    if (held > MAX_HELD_BYTES) body.pause();
    wake();
  });
  body.on('end', () => {
    ended = true;
    wake();
  });
  body.on('error', (error: unknown) => {
    failure = { error };
    wake();
  });
  body.on('close', () => {
    if (!ended) failure ??= { error: new Error('closed') };
    wake();
  });
  return (async function* () {
    for (;;) {
      const chunk = queue.shift();
      if (chunk !== undefined) {
        held -= chunk.length;
        if (body.isPaused() && held <= MAX_HELD_BYTES / 2) body.resume();
        yield chunk;
      } else if (failure !== undefined) {
        throw sortedError(failure.error);
      } else if (ended) {
        return;
      } else {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
  })();
}

/** Codes of errors whose cause is the other side's certificate, or ours. */
const CERTIFICATE = /CERT|SELF_SIGNED|UNABLE_TO_(GET_ISSUER|VERIFY)|ERR_TLS/;

function sorted(error: unknown, url: URL, stallMs: number, signal: AbortSignal | undefined): Error {
  if (signal?.aborted === true) return signal.reason as Error;
  const { code = '', message } = error as NodeJS.ErrnoException;
  const { host } = url;
  if (CERTIFICATE.test(code)) {
    return new FatalError(`the certificate of ${host} is not trusted (${code}; NODE_EXTRA_CA_CERTS names more)`);
  }
  return new TransientError(reasons(code, host, stallMs) ?? `${host}: ${message || code}`, undefined, error);
}

function reasons(code: string, host: string, stallMs: number): string | undefined {
  switch (code) {
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `the name ${host} cannot be resolved`;
    case 'ECONNREFUSED':
      return `${host} refuses connections`;
    case 'ECONNRESET':
    case 'EPIPE':
    case 'UND_ERR_SOCKET':
      return `the connection to ${host} broke off`;
    case 'UND_ERR_CONNECT_TIMEOUT':
    case 'UND_ERR_HEADERS_TIMEOUT':
    case 'UND_ERR_BODY_TIMEOUT':
    case 'ETIMEDOUT':
      return `${host} sent nothing for ${stallMs / 1000} s`;
    default:
      return undefined;
  }
}

function flat(headers: Dispatcher.ResponseData['headers']): Record<string, string | undefined> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value[0] : value]),
  );
}
