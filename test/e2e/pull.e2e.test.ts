import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { modelFixture } from '../formats/files.js';
import { type ServerOptions, serve, serveProxy, type TestServer } from '../models/catalog/server.js';
import { SLIM, standIn } from '../services/model/known-weights.js';
import { CAT, temporaryFolder } from './helpers/folder.js';
import { runCommand } from './helpers/host.js';
import { type Result, type Running, type RunOptions, startProgram, vgg16 } from './helpers/program.js';
import { csvRows, expectOneSentence } from './helpers/rows.js';

const folder = temporaryFolder();
const WITH_WEIGHTS = fileURLToPath(new URL('helpers/with-weights.js', import.meta.url));

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

async function server(options: Partial<ServerOptions> = {}): Promise<TestServer> {
  const made = await serve({ content: SLIM, ...options });
  closing.push(() => made.close());
  return made;
}

/** A server of which the whole file takes seconds. */
const SLOW = { slow: { bytes: 2_000, ms: 60 } };

interface MachineOptions extends RunOptions {
  /** The command that runs the program, in place of node. */
  readonly through?: readonly [string, ...string[]];
}

interface Machine {
  readonly cacheDir: string;
  begin(args: readonly string[], more?: MachineOptions): Running;
  run(args: readonly string[], more?: MachineOptions): Promise<Result>;
}

/** A cache of its own, the small weights at `address` in place of three of the registry's, and nothing of PyTorch or Keras. */
function machine(address: string): Machine {
  const cacheDir = mkdtempSync(join(folder, 'cache-'));
  const names = ['imagenet', 'imagenet-keras', 'imagenet-features'];
  const env = {
    WEIGHTS: JSON.stringify(Object.fromEntries(names.map((name) => [name, standIn(name, address)]))),
    VGG16_CACHE_DIR: cacheDir,
    TORCH_HOME: join(cacheDir, 'torch'),
    KERAS_HOME: join(cacheDir, 'keras'),
  };
  const begin = (args: readonly string[], { through = [process.execPath], ...more }: MachineOptions = {}) => {
    const [file, ...before] = through;
    return startProgram(file, [...before, WITH_WEIGHTS, ...args], { input: '', ...more, env: { ...env, ...more.env } });
  };
  // Node reads certificates when it starts.
  const isOwn = (more?: MachineOptions) => more?.through !== undefined || more?.env?.NODE_EXTRA_CA_CERTS !== undefined;
  const run = (args: readonly string[], more?: MachineOptions) =>
    isOwn(more) ? begin(args, more).done : runCommand(args, { ...more, env: { ...env, ...more?.env } });
  return { cacheDir, begin, run };
}

const pulledFile = ({ cacheDir }: Machine, name = 'imagenet') => join(cacheDir, 'models', `${name}.safetensors`);
const part = ({ cacheDir }: Machine) => join(cacheDir, 'downloads', 'vgg16-397923af.pth.partial');
const left = ({ cacheDir }: Machine) => readdirSync(join(cacheDir, 'downloads'));

/** Resolves once so many bytes have arrived. */
async function arrived(bytes: number, on: Machine): Promise<void> {
  for (;;) {
    const found = statSync(part(on), { throwIfNoEntry: false });
    if ((found?.size ?? 0) >= bytes) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const hasOpenssl = spawnSync('openssl', ['version']).status === 0;

/** A new one for this machine and for weights.test, signed by itself. */
function certificate(): { readonly key: string; readonly cert: string } {
  const [key, cert] = ['key.pem', 'cert.pem'].map((name) => join(folder, name)) as [string, string];
  const names = 'subjectAltName=DNS:weights.test,IP:127.0.0.1';
  const args = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', cert, '-days', '2'];
  execFileSync('openssl', [...args, '-subj', '/CN=weights.test', '-addext', names], { stdio: 'ignore' });
  return { key, cert };
}

describe('vgg16 model pull', () => {
  it('leaves a model of ours in the cache, and says where', async () => {
    const on = machine((await server()).url);
    const { code, stdout, stderr } = await on.run(['model', 'pull', 'imagenet']);
    expect(code, stderr).toBe(0);
    expect(stdout.toString()).toBe('');
    expect(stderr).toContain(pulledFile(on));
    expect(stderr).not.toMatch(/warning/i);
    expect(left(on)).toEqual([]);
    const inspected = await on.run(['model', 'inspect', 'imagenet', '--json']);
    expect(JSON.parse(inspected.stdout.toString()).model).toMatchObject({
      name: 'imagenet',
      accuracy: { top1: 71.592 },
    });
  });

  it('prints the result as JSON, and nothing on stderr when quiet', async () => {
    const on = machine((await server()).url);
    const { stdout, stderr } = await on.run(['model', 'pull', 'imagenet', '--json', '-q']);
    expect(JSON.parse(stdout.toString())).toMatchObject({ name: 'imagenet', path: pulledFile(on), pulled: true });
    expect(stderr).toBe('');
    const again = await on.run(['model', 'pull', 'imagenet', '--json', '-q']);
    expect(JSON.parse(again.stdout.toString())).toMatchObject({ pulled: false });
  });

  it('goes on after kill -9 with the bytes that are missing', async () => {
    const made = await server(SLOW);
    const on = machine(made.url);
    const first = on.begin(['model', 'pull', 'imagenet']);
    await arrived(20_000, on);
    first.child.kill('SIGKILL');
    await first.done;
    const { size } = statSync(part(on));
    expect(size).toBeLessThan(SLIM.length);
    const second = await on.run(['model', 'pull', 'imagenet']);
    expect(second.code, second.stderr).toBe(0);
    expect(made.requests.map(({ headers }) => headers.range)).toEqual([undefined, `bytes=${size}-`]);
    expect(left(on)).toEqual([]);
  });

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('ends with %s at once, saying that it can go on, and does', async (signal, code) => {
    const made = await server(SLOW);
    const on = machine(made.url);
    const first = on.begin(['model', 'pull', 'imagenet']);
    await arrived(10_000, on);
    first.child.kill(signal);
    const ended = await first.done;
    expect(ended.code).toBe(code);
    expect(ended.stderr).toContain('the same command goes on from there');
    expect((await on.run(['model', 'pull', 'imagenet'])).code).toBe(0);
    expect(made.requests[1]?.headers.range).toMatch(/^bytes=\d{5,}-$/);
  });

  it('downloads once for two processes: the second says that it waits', async () => {
    const made = await server(SLOW);
    const on = machine(made.url);
    const first = on.begin(['model', 'pull', 'imagenet']);
    await arrived(1, on);
    const runs = await Promise.all([first.done, on.run(['model', 'pull', 'imagenet'])]);
    expect(runs.map(({ code }) => code)).toEqual([0, 0]);
    expect(runs[1]?.stderr).toContain(`Another process (${first.child.pid})`);
    expect(made.requests).toHaveLength(1);
  });

  it('takes over from a process that is killed while another waits for it', async () => {
    const made = await server(SLOW);
    const on = machine(made.url);
    const first = on.begin(['model', 'pull', 'imagenet']);
    await arrived(10_000, on);
    const second = on.begin(['model', 'pull', 'imagenet']);
    await second.until('stderr', (text) => text.includes('Another process'));
    first.child.kill('SIGKILL');
    expect((await second.done).code).toBe(0);
    expect(made.requests).toHaveLength(2);
    expect(made.requests[1]?.headers.range).toMatch(/^bytes=\d+-$/);
  });

  it('takes a mirror from the environment, and a proxy, without a word on stderr', async () => {
    const made = await server();
    const proxy = await serveProxy();
    closing.push(() => proxy.close());
    const on = machine('http://127.0.0.1:1');
    const { port } = new URL(made.url);
    const env = { VGG16_WEIGHTS_URL: `http://weights.test:${port}/vgg16`, HTTP_PROXY: proxy.url };
    const { code, stderr } = await on.run(['model', 'pull', 'imagenet-keras', '-q'], { env });
    expect(code, stderr).toBe(0);
    expect(stderr).toBe('');
    expect(proxy.targets).toEqual([`weights.test:${port}`]);
    expect(made.requests[0]?.path).toBe(`/vgg16/${standIn('imagenet-keras', '').file}`);
  });

  it.skipIf(!hasOpenssl)('goes through HTTPS_PROXY, and trusts no certificate that it does not know', async () => {
    const tls = certificate();
    const made = await server({ tls: { key: readFileSync(tls.key), cert: readFileSync(tls.cert) } });
    const proxy = await serveProxy();
    closing.push(() => proxy.close());
    const { port } = new URL(made.url);
    const on = machine(`https://weights.test:${port}`);
    const env = { HTTPS_PROXY: proxy.url };
    const refused = await on.run(['model', 'pull', 'imagenet', '--no-progress'], { env });
    expect(expectOneSentence(refused, 5)).toMatch(
      /certificate of weights\.test:\d+ is not trusted .*NODE_EXTRA_CA_CERTS/,
    );
    const { code, stderr } = await on.run(['model', 'pull', 'imagenet', '-q'], {
      env: { ...env, NODE_EXTRA_CA_CERTS: tls.cert },
    });
    expect(code, stderr).toBe(0);
    expect(stderr).toBe('');
    expect(proxy.targets).toEqual(Array(2).fill(`weights.test:${port}`));
    expect(made.requests).toHaveLength(1);

    const plain = await server();
    const sends = { status: 302, headers: { location: `${plain.url}/` } };
    const strange = await server({
      tls: { key: readFileSync(tls.key), cert: readFileSync(tls.cert) },
      script: [sends],
    });
    const other = machine(strange.url);
    const sent = await other.run(['model', 'pull', 'imagenet'], { env: { NODE_EXTRA_CA_CERTS: tls.cert } });
    expect(expectOneSentence(sent, 5)).toContain('which is not encrypted');
    expect(plain.requests).toHaveLength(0);
  });

  it.each<[string, Partial<ServerOptions>, RegExp]>([
    ['404', { script: [{ status: 404 }] }, /answers 404\.$/],
    ['wrong bytes', { content: Buffer.alloc(SLIM.length) }, /^Expected a sha256 that starts with/],
    ['another size', { content: Buffer.alloc(9) }, /has 9 bytes instead of \d+\.$/],
  ])('%s: 5, one sentence, what to do instead, and no model', async (_what, options, sentence) => {
    const on = machine((await server(options)).url);
    const failed = await on.run(['model', 'pull', 'imagenet', '--no-progress']);
    expect(expectOneSentence(failed, 5)).toMatch(sentence);
    expect(failed.stderr).toMatch(/^hint: .*vgg16 model import/m);
    expect(readdirSync(join(on.cacheDir, 'models'))).toEqual([]);
  });

  it('a file system that is full: 1, where, and what to do', async () => {
    const on = machine((await server()).url);
    // In blocks of 512 bytes, or of 1,024 in some shells.
    const limited = ['-c', 'ulimit -f 64; trap "" XFSZ; exec "$0" "$@"', process.execPath];
    const failed = await on.run(['model', 'pull', 'imagenet'], { through: ['/bin/sh', ...limited] });
    expect(expectOneSentence(failed, 1)).toContain(on.cacheDir);
    expect(failed.stderr).toMatch(/^hint: .*--cache-dir/m);
  });

  it('wrong names and addresses: 2', async () => {
    const on = machine('http://127.0.0.1:1');
    const [unknown, mini, address] = await Promise.all([
      on.run(['model', 'pull', 'resnet50']),
      on.run(['model', 'pull', 'mini']),
      on.run(['model', 'pull', 'imagenet', '--weights-url', 'mirror.example.org']),
    ]);
    expect(expectOneSentence(unknown, 2)).toContain('resnet50');
    expect(unknown.stderr).toMatch(/^hint: They are imagenet, /m);
    expect(expectOneSentence(mini, 2)).toContain('needs no download');
    expect(expectOneSentence(address, 2)).toContain('--weights-url');
  });
});

describe('a command that needs weights which are not here', () => {
  it('downloads them, with talk on stderr only, and does not the next time, nor offline', async () => {
    const made = await server();
    const on = machine(made.url);
    const first = await on.run(['classify', CAT]);
    expect(first.code, first.stderr).toBe(0);
    expect(csvRows(first.stdout)).toHaveLength(1);
    expect(first.stderr).toContain('imagenet');
    const second = await on.run(['classify', CAT, '--offline']);
    expect(second.code, second.stderr).toBe(0);
    expect(second.stdout).toEqual(first.stdout);
    expect(made.requests).toHaveLength(1);
  });

  it('keeps what was downloaded when interrupted, and ends with 130', async () => {
    const made = await server(SLOW);
    const on = machine(made.url);
    const first = on.begin(['extract', CAT, '--layer', 'pool5']);
    await arrived(10_000, on);
    first.child.kill('SIGINT');
    const ended = await first.done;
    expect(ended.code).toBe(130);
    expect(ended.stderr).toContain('the same command goes on from there');
    const second = await on.run(['extract', CAT, '--layer', 'pool5']);
    expect(second.code, second.stderr).toBe(0);
    expect(made.requests).toHaveLength(2);
  });

  it.each([
    ['--offline', {}],
    ['VGG16_OFFLINE', { VGG16_OFFLINE: '1' }],
  ])('never touches the network with %s: 5, the address, and how to bring the file by hand', async (how, env) => {
    const made = await server();
    const on = machine(made.url);
    const flags = how === '--offline' ? [how] : [];
    for (const args of [
      ['classify', CAT],
      ['model', 'pull', 'imagenet'],
      ['model', 'inspect', 'imagenet'],
    ]) {
      const failed = await on.run([...args, ...flags], { env });
      expect(expectOneSentence(failed, 5)).toContain(standIn('imagenet', made.url).url);
      expect(failed.stderr).toMatch(/^hint: .*vgg16 model import vgg16-397923af\.pth/m);
    }
    expect(made.requests).toHaveLength(0);
  });

  it('lists its images without a download', async () => {
    const made = await server();
    const { code } = await machine(made.url).run(['classify', CAT, '--dry-run']);
    expect(code).toBe(0);
    expect(made.requests).toHaveLength(0);
  });
});

describe('weights without a usable classifier', () => {
  it.each(['imagenet-features', modelFixture('slim-torchvision.pth')])(
    'give pool5; what needs the classifier is refused with the reason: %s',
    async (model) => {
      // One alone has the hash of the file.
      const on = machine((await server()).url);
      const { WEIGHTS } = {
        WEIGHTS: JSON.stringify({ 'imagenet-features': standIn('imagenet-features', (await server()).url) }),
      };
      const run = (args: readonly string[]) => on.run([...args, '--model', model], { env: { WEIGHTS } });
      const pool5 = await run(['extract', CAT, '--layer', 'pool5', '--format', 'jsonl']);
      expect(pool5.code, pool5.stderr).toBe(0);
      expect(JSON.parse(pool5.stdout.toString()).embedding.every(Number.isFinite)).toBe(true);
      const refused = await Promise.all([
        run(['classify', CAT]),
        ...['fc6', 'fc7', 'logits'].map((layer) => run(['extract', CAT, '--layer', layer])),
        run(['export', CAT, '-o', join(on.cacheDir, 'dataset')]),
      ]);
      for (const each of refused) expect(expectOneSentence(each, 5)).toContain('holds no valid values');
    },
  );
});

describe('vgg16 model list', () => {
  it('shows the known weights, as a table and as JSON, and what is here', async () => {
    const on = machine((await server()).url);
    await on.run(['model', 'pull', 'imagenet']);
    const [table, json] = await Promise.all([on.run(['model', 'list']), on.run(['model', 'list', '--json'])]);
    expect([table.code, json.code]).toEqual([0, 0]);
    const models = JSON.parse(json.stdout.toString()) as { name: string; cached: string | null; url: string | null }[];
    expect(models.find(({ name }) => name === 'imagenet')?.cached).toBe(pulledFile(on));
    expect(models.find(({ name }) => name === 'imagenet-onnx')?.cached).toBeNull();
    for (const { name, url } of models) {
      expect(table.stdout.toString()).toContain(`\n${name}`);
      if (url !== null) expect(table.stdout.toString()).toContain(url);
    }
  });

  it('is in the program itself, with the published addresses', async () => {
    const { stdout } = await vgg16(['model', 'list', '--json'], { env: { VGG16_CACHE_DIR: join(folder, 'none') } });
    const [first] = JSON.parse(stdout.toString()) as { url: string }[];
    expect(first?.url).toBe('https://download.pytorch.org/models/vgg16-397923af.pth');
  });
});
