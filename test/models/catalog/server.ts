/** A real HTTP server on this machine that serves one file, and misbehaves as told. */

import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, connect, type Socket } from 'node:net';

/** What one request is answered with, in place of the file: the next of `script`, in order. */
export type Fault =
  /** The connection is destroyed after so many bytes of the body. */
  | { readonly cutAfter: number }
  /** Nothing more comes after so many bytes of the body, and the connection stays open. */
  | { readonly stallAfter: number }
  /** Nothing comes at all. */
  | { readonly hang: true }
  | { readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly body?: string }
  /** Other content from now on, and another ETag. */
  | { readonly replaceBy: Buffer }
  | 'fine';

export interface ServerOptions {
  readonly content: Buffer;
  /** One for each request; the file without faults after the last. */
  readonly script?: readonly Fault[];
  /** Answers every request with the whole file. */
  readonly ignoreRanges?: boolean;
  /** Sends no Content-Length. */
  readonly chunked?: boolean;
  /** Sends neither ETag nor Last-Modified. */
  readonly withoutValidator?: boolean;
  /** Bytes a chunk, and milliseconds between two. */
  readonly slow?: { readonly bytes: number; readonly ms: number };
  /** Speaks TLS with this certificate. */
  readonly tls?: { readonly key: Buffer; readonly cert: Buffer };
  /** Answers ranges from another offset. */
  readonly shiftRanges?: number;
}

export interface TestServer {
  readonly url: string;
  /** What came, in order. */
  readonly requests: readonly { readonly path: string; readonly headers: IncomingMessage['headers'] }[];
  /** Bytes of bodies handed to the network. */
  sent(): number;
  close(): Promise<void>;
}

export async function serve(options: ServerOptions): Promise<TestServer> {
  let { content } = options;
  const script = [...(options.script ?? [])];
  const requests: { path: string; headers: IncomingMessage['headers'] }[] = [];
  let sent = 0;

  const put = async (response: ServerResponse, body: Buffer) => {
    const step = options.slow?.bytes ?? body.length;
    for (let at = 0; at < body.length && !response.destroyed; at += step) {
      const piece = body.subarray(at, at + step);
      sent += piece.length;
      response.write(piece);
      if (options.slow !== undefined) await new Promise((resolve) => setTimeout(resolve, options.slow?.ms));
    }
  };

  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    requests.push({ path: request.url ?? '', headers: request.headers });
    const fault = script.shift() ?? 'fine';
    if (fault !== 'fine' && 'hang' in fault) return;
    if (fault !== 'fine' && 'status' in fault) {
      response.writeHead(fault.status, fault.headers ?? {}).end(fault.body ?? '');
      return;
    }
    if (fault !== 'fine' && 'replaceBy' in fault) content = fault.replaceBy;
    const etag = `"${createHash('md5').update(content).digest('hex')}"`;
    const validator: Record<string, string> = options.withoutValidator === true ? {} : { etag };
    const start = rangeOf(request, options, etag);
    if (start !== undefined && start >= content.length) {
      response.writeHead(416, { 'content-range': `bytes */${content.length}` }).end();
      return;
    }
    const shifted = start === undefined ? 0 : start + (options.shiftRanges ?? 0);
    const body = content.subarray(shifted);
    response.writeHead(start === undefined ? 200 : 206, {
      ...validator,
      ...(options.chunked === true ? {} : { 'content-length': String(body.length) }),
      ...(start === undefined ? {} : { 'content-range': `bytes ${shifted}-${content.length - 1}/${content.length}` }),
    });
    const most = fault !== 'fine' && 'cutAfter' in fault ? fault.cutAfter : undefined;
    const stall = fault !== 'fine' && 'stallAfter' in fault ? fault.stallAfter : undefined;
    await put(response, body.subarray(0, most ?? stall ?? body.length));
    if (stall !== undefined) return;
    // What was written goes out first: the bytes before the cut arrive.
    if (most !== undefined) setTimeout(() => response.destroy(), CUT_MS);
    else response.end();
  };

  const listener = (request: IncomingMessage, response: ServerResponse) => void answer(request, response);
  const server = options.tls === undefined ? createServer(listener) : createTlsServer(options.tls, listener);
  const { url, close } = await listening(server);
  const shown = options.tls === undefined ? url : url.replace('http:', 'https:');
  return { url: shown, close, requests, sent: () => sent };
}

const CUT_MS = 100;

function rangeOf(request: IncomingMessage, options: ServerOptions, etag: string): number | undefined {
  const { range, 'if-range': ifRange } = request.headers;
  if (range === undefined || options.ignoreRanges === true) return undefined;
  if (ifRange !== undefined && ifRange !== etag) return undefined;
  return Number(/^bytes=(\d+)-$/.exec(range)?.[1]);
}

/** A proxy that takes both forms, a whole address and CONNECT, and counts what goes through it. */
export async function serveProxy(): Promise<{
  readonly url: string;
  readonly targets: readonly string[];
  close(): Promise<void>;
}> {
  const targets: string[] = [];
  const server = createServer((_request, response) => void response.writeHead(501).end());
  server.on('connect', (request: IncomingMessage, socket: Socket) => {
    targets.push(request.url ?? '');
    const [host, port] = (request.url ?? '').split(':');
    // Whatever the name, it is this machine that answers: what a proxy resolves, the client need not.
    const upstream = connect(Number(port), host === 'weights.test' ? '127.0.0.1' : host, () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      upstream.pipe(socket).pipe(upstream);
    });
    for (const end of [socket, upstream]) end.on('error', () => {});
  });
  return { ...(await listening(server)), targets };
}

async function listening(server: Server): Promise<{ readonly url: string; close(): Promise<void> }> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
