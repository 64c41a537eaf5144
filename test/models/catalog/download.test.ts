import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { type DownloadEvent, type DownloadOptions, download } from '../../../src/models/catalog/download.js';
import { failure, temporaryFolder } from '../../formats/files.js';
import { type ServerOptions, serve, serveProxy, type TestServer } from './server.js';

const folder = temporaryFolder();
const CONTENT = randomBytes(300_000);
const OTHER = randomBytes(300_000);
const hashOf = (bytes: Buffer) =>
  ({ algorithm: 'sha256', hex: createHash('sha256').update(bytes).digest('hex') }) as const;

/** Failures follow each other in milliseconds. */
const LIMITS = { stallMs: 60_000, attempts: 3, backoffMs: 5 };

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

async function server(options: Partial<ServerOptions> = {}): Promise<TestServer> {
  const made = await serve({ content: CONTENT, ...options });
  closing.push(() => made.close());
  return made;
}

let files = 0;

/** Runs a download to its end; `path` is a new one unless given. */
async function run(url: string, more: Partial<DownloadOptions> = {}) {
  const path = join(folder, `${++files}.partial`);
  const events: DownloadEvent[] = [];
  const options: DownloadOptions = {
    url,
    path,
    hash: hashOf(CONTENT),
    least: CONTENT.length,
    most: CONTENT.length,
    hint: 'do it by hand.',
    limits: LIMITS,
    ...more,
  };
  const done = (async () => {
    for await (const event of download(options)) events.push(event);
  })();
  return { path: options.path, events, done };
}

const retries = (events: readonly DownloadEvent[]) =>
  events.flatMap((event) => (event.type === 'retry' ? [event.reason] : []));

const rangesOf = ({ requests }: TestServer) => requests.map(({ headers }) => headers.range);

describe('download', () => {
  it('brings the file, telling how far it is', async () => {
    const { url, requests } = await server();
    const { path, events, done } = await run(`${url}/vgg16.bin`);
    await done;
    expect(readFileSync(path)).toEqual(CONTENT);
    expect(requests.map((request) => request.path)).toEqual(['/vgg16.bin']);
    expect(events.at(-1)).toEqual({ type: 'progress', bytes: CONTENT.length, total: CONTENT.length });
    expect(retries(events)).toEqual([]);
  });

  it('goes on after every cut with the bytes that are missing, and only those', async () => {
    const made = await server({ script: [{ cutAfter: 50_000 }, { cutAfter: 100_000 }, { cutAfter: 1 }] });
    const { path, events, done } = await run(made.url);
    await done;
    expect(readFileSync(path)).toEqual(CONTENT);
    expect(rangesOf(made)).toEqual([undefined, 'bytes=50000-', 'bytes=150000-', 'bytes=150001-']);
    expect(made.requests[1]?.headers['if-range']).toMatch(/^"/);
    expect(made.sent()).toBe(CONTENT.length);
    expect(retries(events)).toHaveLength(3);
  });

  it('has patience with a server that cuts more often than there are attempts, as long as bytes come', async () => {
    const made = await server({ script: Array.from({ length: 10 }, () => ({ cutAfter: 20_000 })) });
    const { path, done } = await run(made.url);
    await done;
    expect(readFileSync(path)).toEqual(CONTENT);
    expect(made.requests).toHaveLength(11);
  });

  it('goes on in another process: with what lies there', async () => {
    const made = await server({ script: [{ cutAfter: 120_000 }, { status: 404 }] });
    const first = await run(made.url);
    await failure(first.done);
    expect(readFileSync(first.path)).toEqual(CONTENT.subarray(0, 120_000));
    const second = await run(made.url, { path: first.path });
    await second.done;
    expect(readFileSync(first.path)).toEqual(CONTENT);
    expect(rangesOf(made).at(-1)).toBe('bytes=120000-');
  });

  it('asks for nothing where all bytes are there', async () => {
    const made = await server();
    const { path, done } = await run(made.url);
    await done;
    await (await run(made.url, { path })).done;
    expect(made.requests).toHaveLength(1);
  });

  it('needs no note of what the bytes are part of', async () => {
    const made = await server();
    const path = join(folder, 'bare.partial');
    writeFileSync(path, CONTENT.subarray(0, 1000));
    await (await run(made.url, { path })).done;
    expect(readFileSync(path)).toEqual(CONTENT);
    writeFileSync(path, CONTENT);
    writeFileSync(`${path}.json`, '{"damaged');
    await (await run(made.url, { path })).done; // 416: there is no more
    expect(readFileSync(path)).toEqual(CONTENT);
    expect(rangesOf(made)).toEqual(['bytes=1000-', `bytes=${CONTENT.length}-`]);
  });

  it('begins anew where the server ignores ranges', async () => {
    const made = await server({ script: [{ cutAfter: 50_000 }], ignoreRanges: true });
    const { path, done } = await run(made.url);
    await done;
    expect(readFileSync(path)).toEqual(CONTENT);
    expect(made.sent()).toBe(CONTENT.length + 50_000);
  });

  it('begins anew where the file has changed meanwhile (If-Range)', async () => {
    const made = await server({ content: OTHER, script: [{ cutAfter: 50_000 }, { replaceBy: CONTENT }] });
    const { path, done } = await run(made.url);
    await done;
    expect(readFileSync(path)).toEqual(CONTENT);
    expect(made.requests).toHaveLength(2);
  });

  it('finds by the hash that the file has changed where the server says nothing, and begins anew', async () => {
    const script = [{ cutAfter: 50_000 }, { replaceBy: CONTENT }] as const;
    const made = await server({ content: OTHER, script, withoutValidator: true });
    const { path, events, done } = await run(made.url);
    await done;
    expect(readFileSync(path)).toEqual(CONTENT);
    expect(rangesOf(made)).toEqual([undefined, 'bytes=50000-', undefined]);
    expect(retries(events)[1]).toBe('the parts of the download are not of one file');
  });

  it('goes on at another address, whose validators are others', async () => {
    const first = await server({ script: [{ cutAfter: 50_000 }, { status: 404 }] });
    const { path, done } = await run(first.url);
    await failure(done);
    const mirror = await server();
    await (await run(mirror.url, { path })).done;
    expect(readFileSync(path)).toEqual(CONTENT);
    expect(mirror.requests[0]?.headers).toMatchObject({ range: 'bytes=50000-' });
    expect(mirror.requests[0]?.headers['if-range']).toBeUndefined();
  });

  it('does not take a part from another place than was asked for', async () => {
    const made = await server({ script: [{ cutAfter: 50_000 }], shiftRanges: 7 });
    const { path, done } = await run(made.url);
    await done;
    expect(readFileSync(path)).toEqual(CONTENT);
  });

  it('takes a server that does not say how long the file is', async () => {
    const made = await server({ chunked: true, script: [{ cutAfter: 50_000 }] });
    const { path, events, done } = await run(made.url);
    await done;
    expect(readFileSync(path)).toEqual(CONTENT);
    expect(events.at(-1)).toMatchObject({ total: CONTENT.length });
  });

  it('tries again after 500, 503 and 429, and waits as long as Retry-After says', async () => {
    const script = [
      { status: 500 },
      { status: 503 },
      { cutAfter: 9 },
      { status: 429, headers: { 'retry-after': '1' } },
    ];
    const { url } = await server({ script });
    const { path, events, done } = await run(url);
    await done;
    expect(readFileSync(path)).toEqual(CONTENT);
    expect(retries(events).map((reason) => /\d+$/.exec(reason)?.[0])).toEqual(['500', '503', undefined, '429']);
    expect(events.find((event) => event.type === 'retry' && event.reason.endsWith('429'))).toMatchObject({
      waitMs: 1000,
    });
  });

  it('gives up a server that stalls, in the body or before it, and tries again', async () => {
    const made = await server({ script: [{ hang: true }, { stallAfter: 70_000 }] });
    const { path, events, done } = await run(made.url, { limits: { ...LIMITS, stallMs: 1000 } });
    await done;
    expect(readFileSync(path)).toEqual(CONTENT);
    expect(retries(events)).toEqual(Array(2).fill(expect.stringMatching(/sent nothing for 1 s$/)));
    expect(rangesOf(made)).toEqual([undefined, undefined, 'bytes=70000-']);
  });

  it('ends at once when aborted, also while a server stalls, and keeps the bytes', async () => {
    const { url } = await server({ script: [{ stallAfter: 70_000 }] });
    const abort = new AbortController();
    const { path, events, done } = await run(url, { signal: abort.signal });
    while (!events.some((event) => event.type === 'progress' && event.bytes === 70_000))
      await new Promise(setImmediate);
    const began = performance.now();
    abort.abort();
    await expect(done).rejects.toThrow(/abort/i);
    expect(performance.now() - began).toBeLessThan(LIMITS.stallMs / 2);
    expect(readFileSync(path)).toEqual(CONTENT.subarray(0, 70_000));
  });
});

describe('download, what cannot be had', () => {
  it('404: says so at once, with what to do instead', async () => {
    const made = await server({ script: [{ status: 404 }] });
    const { done } = await run(`${made.url}/gone`);
    const error = await failure(done);
    expect(error).toMatchObject({ code: 'MODEL_NOT_FOUND', exitCode: 5 });
    expect(error.message).toBe(`Expected to download the weights but ${made.url}/gone answers 404.`);
    expect(error.hint).toContain('do it by hand.');
    expect(made.requests).toHaveLength(1);
  });

  it('a server that is broken, or not there: says so after a few attempts', async () => {
    const made = await server({ script: Array.from({ length: 9 }, () => ({ status: 502 })) });
    const broken = await failure((await run(made.url)).done);
    expect(broken.message).toMatch(/answers 502, 3 times\.$/);
    expect(made.requests).toHaveLength(3);
    await made.close();
    closing.pop();
    const gone = await failure((await run(made.url)).done);
    expect(gone).toMatchObject({ code: 'MODEL_NOT_FOUND', exitCode: 5 });
    expect(gone.message).toMatch(/refuses connections, 3 times\.$/);
  });

  it('wrong bytes: deleted, and told with both hashes', async () => {
    const { url } = await server({ content: OTHER });
    const { path, done } = await run(url);
    const error = await failure(done);
    expect(error).toMatchObject({ code: 'MODEL_INVALID', exitCode: 5 });
    for (const bytes of [CONTENT, OTHER]) expect(error.message).toContain(hashOf(bytes).hex.slice(0, 16));
    expect(error.hint).toContain('deleted');
    expect([path, `${path}.json`].some(existsSync)).toBe(false);
  });

  it('takes a hash of which only the first digits are published, and refuses another', async () => {
    const { url } = await server();
    const hex = hashOf(CONTENT).hex.slice(0, 8);
    await (await run(url, { hash: { algorithm: 'sha256', hex } })).done;
    const md5 = createHash('md5').update(CONTENT).digest('hex');
    await (await run(url, { hash: { algorithm: 'md5', hex: md5 } })).done;
    const wrong = hex.startsWith('0') ? '1' : '0';
    await failure((await run(url, { hash: { algorithm: 'sha256', hex: wrong + hex.slice(1) } })).done);
  });

  it('another size: refused before the first byte, such as the page of a hotel', async () => {
    const made = await server({ script: [{ status: 200, headers: { 'content-length': '5' }, body: 'login' }] });
    const { done } = await run(made.url);
    expect((await failure(done)).message).toMatch(/has 5 bytes instead of 300000\.$/);
    expect(made.requests).toHaveLength(1);
  });

  it('more bytes than the file has, from a server that does not say how many: ended where it passes them', async () => {
    const { url } = await server({ content: Buffer.concat([CONTENT, OTHER]), chunked: true });
    const { path, done } = await run(url);
    expect((await failure(done)).message).toMatch(/sends more than 300000 bytes\.$/);
    expect(readFileSync(path).length).toBeLessThanOrEqual(CONTENT.length);
  });

  it('compressed bytes', async () => {
    const script = [{ status: 200, headers: { 'content-encoding': 'gzip' }, body: 'x' }];
    const { done } = await run((await server({ script })).url);
    expect((await failure(done)).message).toMatch(/comes compressed \(gzip\)\.$/);
  });

  it.each(['no address', 'ftp://example.org/a', 'file:///etc/passwd'])(
    'what is no address of the web: %s',
    async (url) => {
      expect(await failure((await run(url)).done)).toMatchObject({ code: 'MODEL_NOT_FOUND', exitCode: 5 });
    },
  );
});

describe('download, redirects', () => {
  it('are followed, relative ones too, with the range, and another server at the end', async () => {
    const target = await server({ script: [{ cutAfter: 50_000 }] });
    const to = (location: string, status = 302) => ({ status, headers: { location } });
    const script = [to('/second', 301), to(`${target.url}/file`, 307), to(`${target.url}/file`, 303)];
    const made = await server({ script });
    const { path, done } = await run(`${made.url}/first`);
    await done;
    expect(readFileSync(path)).toEqual(CONTENT);
    expect(made.requests.map((request) => request.path)).toEqual(['/first', '/second', '/first']);
    expect(rangesOf(target)).toEqual([undefined, 'bytes=50000-']);
  });

  it.each([
    ['in a circle', '/again', /redirects more than 10 times\.$/],
    ['to nowhere', '', /is no address|redirects/],
    ['to what is not the web', 'file:///etc/passwd', /is not of http or https\.$/],
  ])('%s are refused', async (_what, location, message) => {
    const script = Array.from({ length: 30 }, () => ({ status: 302, headers: { location } }));
    const error = await failure((await run((await server({ script })).url)).done);
    expect(error).toMatchObject({ code: 'MODEL_NOT_FOUND', exitCode: 5 });
    expect(error.message).toMatch(message);
  });
});

describe('download, proxies', () => {
  const keys = ['HTTP_PROXY', 'http_proxy', 'NO_PROXY', 'no_proxy'] as const;
  const before = Object.fromEntries(keys.map((key) => [key, process.env[key]]));
  afterEach(() => {
    for (const key of keys) {
      if (before[key] === undefined) delete process.env[key];
      else process.env[key] = before[key];
    }
  });

  it('are taken from the environment, which also says what goes without', async () => {
    const made = await server();
    const proxy = await serveProxy();
    closing.push(() => proxy.close());
    for (const key of keys) delete process.env[key];
    process.env.HTTP_PROXY = proxy.url;
    const { port } = new URL(made.url);
    const through = await run(`http://weights.test:${port}/a`);
    await through.done;
    expect(readFileSync(through.path)).toEqual(CONTENT);
    expect(proxy.targets).toEqual([`weights.test:${port}`]);
    process.env.NO_PROXY = '127.0.0.1';
    await (await run(made.url)).done;
    expect(proxy.targets).toHaveLength(1);
    expect(made.requests).toHaveLength(2);
  });
});
