import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { recognize } from '../../../src/models/catalog/known-models.js';
import { KNOWN_WEIGHTS, type KnownWeights } from '../../../src/models/catalog/published-weights.js';
import { IMAGENET_LABELS } from '../../../src/models/imagenet/labels.js';
import { openModel } from '../../../src/models/open.js';
import { checkRequests } from '../../../src/network/no-classifier.js';
import { listModels } from '../../../src/services/model/list.js';
import {
  needsPull,
  type PullEvent,
  type PulledModel,
  type PullOptions,
  pullModel,
} from '../../../src/services/model/pull.js';
import { failure, modelFixture, ownFile, temporaryFolder } from '../../formats/files.js';
import { type ServerOptions, serve, type TestServer } from '../../models/catalog/server.js';
import { SLIM, sha256, standIn } from './known-weights.js';

const folder = temporaryFolder();

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

async function server(options: Partial<ServerOptions> = {}): Promise<TestServer> {
  const made = await serve({ content: SLIM, ...options });
  closing.push(() => made.close());
  return made;
}

/** A cache, and no files of PyTorch or Keras. */
function fresh() {
  const cacheDir = mkdtempSync(join(folder, 'cache-'));
  return { cacheDir, env: { TORCH_HOME: join(cacheDir, 'torch'), KERAS_HOME: join(cacheDir, 'keras') } };
}

async function pull(options: PullOptions): Promise<{ readonly result: PulledModel; readonly events: PullEvent[] }> {
  const events: PullEvent[] = [];
  const pulling = pullModel({ limits: { attempts: 2, backoffMs: 1 }, ...options });
  for (;;) {
    const { value, done } = await pulling.next();
    if (done === true) return { result: value, events };
    events.push(value);
  }
}

const kinds = (events: readonly PullEvent[]) => [...new Set(events.map(({ type }) => type))];

describe('pullModel', () => {
  it('downloads, converts to a file of ours with all that is known, and leaves nothing else', async () => {
    const made = await server();
    const { cacheDir, env } = fresh();
    const known = standIn('imagenet', made.url);
    expect(await needsPull('imagenet', cacheDir, env)).toBe(true);
    const { result, events } = await pull({ name: 'imagenet', cacheDir, env, known });
    const path = join(cacheDir, 'models', 'imagenet.safetensors');
    expect(result).toEqual({
      name: 'imagenet',
      path,
      bytes: readFileSync(path).length,
      sha256: sha256(readFileSync(path)),
      pulled: true,
    });
    expect(kinds(events)).toEqual(['progress', 'converting']);
    expect(readdirSync(join(cacheDir, 'downloads'))).toEqual([]);
    expect(readdirSync(join(cacheDir, 'models'))).toEqual(['imagenet.safetensors']);
    expect(await needsPull('imagenet', cacheDir, env)).toBe(false);

    const { card, file } = await openModel('imagenet', { seed: 0, cacheDir, env });
    expect(file?.path).toBe(path);
    expect(card).toMatchObject({
      name: 'imagenet',
      architecture: { inputSize: 64, classifier: { classes: 7 } },
      preset: { name: 'torchvision', crop: 64, resize: 73 },
      license: known.license,
      accuracy: { top1: 71.592, top5: 90.382 },
      source: `${known.what}; ${known.file}`,
      labels: null, // the small one has 7 classes
    });
  });

  it('does nothing where the file is there already', async () => {
    const made = await server();
    const options = { name: 'imagenet', known: standIn('imagenet', made.url), ...fresh() };
    const first = await pull(options);
    const second = await pull({ ...options, offline: true });
    expect(second).toEqual({ result: { ...first.result, pulled: false }, events: [] });
    expect(made.requests).toHaveLength(1);
  });

  it('downloads once where two ask at the same time: the second waits, and shows how far the first is', async () => {
    const made = await server({ slow: { bytes: 10_000, ms: 60 } });
    const options = { name: 'imagenet', known: standIn('imagenet', made.url), ...fresh() };
    const both = await Promise.all([pull(options), pull(options)]);
    expect(made.requests).toHaveLength(1);
    expect(both.map(({ events }) => kinds(events)).sort()).toEqual([
      ['progress', 'converting'],
      ['waiting', 'progress'],
    ]);
    expect(both[0]?.result.sha256).toBe(both[1]?.result.sha256);
  });

  it('goes on with what an aborted one has left', async () => {
    const made = await server({ script: [{ stallAfter: 30_000 }] });
    const options = { name: 'imagenet', known: standIn('imagenet', made.url), ...fresh() };
    const abort = new AbortController();
    const pulling = pullModel({ ...options, signal: abort.signal });
    await expect(
      (async () => {
        for await (const event of pulling) if (event.type === 'progress' && event.bytes === 30_000) abort.abort();
      })(),
    ).rejects.toThrow(/abort/i);
    await pull(options);
    expect(made.requests[1]?.headers.range).toBe('bytes=30000-');
    expect(readdirSync(join(options.cacheDir, 'downloads'))).toEqual([]);
  });

  it('takes a mirror in place of the published address', async () => {
    const made = await server();
    const known = standIn('imagenet-keras', 'http://127.0.0.1:1');
    await pull({ name: 'imagenet-keras', known, weightsUrl: `${made.url}/mirror/`, ...fresh() });
    expect(made.requests.map(({ path }) => path)).toEqual([`/mirror/${known.file}`]);
  });

  it('converts a sound file in PyTorch’s cache without a download, and downloads in place of a damaged one', async () => {
    const made = await server();
    const known = standIn('imagenet', made.url);
    const [sound, damaged] = [fresh(), fresh()];
    const hub = ({ env }: typeof sound) => join(env.TORCH_HOME, 'hub', 'checkpoints', known.file);
    for (const each of [sound, damaged]) mkdirSync(dirname(hub(each)), { recursive: true });
    writeFileSync(hub(sound), SLIM);
    writeFileSync(hub(damaged), SLIM.subarray(1));
    const { events } = await pull({ name: 'imagenet', known, offline: true, ...sound });
    expect(kinds(events)).toEqual(['converting']);
    expect(existsSync(hub(sound))).toBe(true);
    expect(made.requests).toHaveLength(0);
    await pull({ name: 'imagenet', known, ...damaged });
    expect(made.requests).toHaveLength(1);
  });

  it('never touches the network when offline, and says how to bring the file', async () => {
    const made = await server();
    const known = standIn('imagenet', made.url);
    const error = await failure(pull({ name: 'imagenet', known, offline: true, ...fresh() }));
    expect(error).toMatchObject({ code: 'MODEL_NOT_FOUND', exitCode: 5 });
    expect(error.message).toContain(known.url);
    expect(error.hint).toContain(`vgg16 model import ${known.file}`);
    expect(made.requests).toHaveLength(0);
  });

  it('refuses wrong bytes, and weights that are whole but no model', async () => {
    const { url } = await server();
    const wrong = fresh();
    const other = standIn('imagenet', url, Buffer.concat([SLIM.subarray(1), Buffer.from('x')]));
    expect(await failure(pull({ name: 'imagenet', known: other, ...wrong }))).toMatchObject({ code: 'MODEL_INVALID' });
    expect(readdirSync(join(wrong.cacheDir, 'downloads'))).toEqual([]);

    const noise = Buffer.from('no model at all');
    const made = await server({ content: noise });
    const known = standIn('imagenet', made.url, noise);
    const error = await failure(pull({ name: 'imagenet', known, ...wrong }));
    expect(error).toMatchObject({ code: 'MODEL_INVALID', exitCode: 5 });
    expect(readdirSync(join(wrong.cacheDir, 'models'))).toEqual([]);
  });

  it.each([
    ['imagenet-keras', 'formats/keras-legacy.h5', 'keras'],
    ['imagenet-keras-notop', 'formats/keras-legacy-notop.h5', 'keras'],
    ['imagenet-caffe', 'formats/caffe.caffemodel', 'caffe'],
    ['imagenet-onnx', 'formats/onnx-zoo.onnx', 'torchvision'],
    ['imagenet-onnx-int8', 'formats/onnx-qlinear.onnx', 'torchvision'],
    ['imagenet-timm', 'models/slim-timm.safetensors', 'torchvision'],
  ])('converts what %s is published as', async (name, fixture, preset) => {
    const bytes = readFileSync(modelFixture(join('..', fixture)));
    const options = { name, ...fresh() };
    await pull({ ...options, known: standIn(name, (await server({ content: bytes })).url, bytes) });
    const { card, weights } = await openModel(name, { seed: 0, ...options });
    expect(card).toMatchObject({ name, preset: { name: preset } });
    expect(Object.keys(weights)).toHaveLength(name.endsWith('notop') ? 13 : 16);
  });

  it('says which names there are for one that needs no pull, or is none', async () => {
    for (const name of ['mini', 'random', 'resnet50']) {
      const error = await failure(pull({ name, ...fresh() }));
      expect(error).toMatchObject({ code: 'USAGE', exitCode: 2 });
      expect(error.message).toContain(name);
      expect(error.hint).toContain('imagenet-keras');
    }
  });

  it('says where it cannot write', async () => {
    const { url } = await server();
    const path = join(folder, 'a-file');
    writeFileSync(path, '');
    const error = await failure(
      pull({ name: 'imagenet', known: standIn('imagenet', url), ...fresh(), cacheDir: path }),
    );
    expect(error).toMatchObject({ code: 'OUTPUT_FAILED', exitCode: 1 });
    expect(error.hint).toContain('name another cache folder');
  });
});

/** Puts a stand-in into the registry itself while `work` runs: files are recognised by what is there. */
async function registered(known: KnownWeights, work: () => Promise<void>): Promise<void> {
  const entry = KNOWN_WEIGHTS.find(({ name }) => name === known.name) as KnownWeights;
  const before = { ...entry };
  Object.assign(entry, known);
  try {
    await work();
  } finally {
    Object.assign(entry, before);
  }
}

describe('weights whose classifier holds no valid values', () => {
  const refused = [
    { kind: 'top_k', k: 5 },
    { kind: 'layer', layer: 'fc6' },
    { kind: 'layer', layer: 'fc7' },
    { kind: 'layer', layer: 'fc8' },
  ] as const;

  it.each(['pulled', 'as published, by its path'])(
    'give pool5 and refuse all after it, with the reason: %s',
    async (how) => {
      const { cacheDir, env } = fresh();
      const known = standIn('imagenet-features', (await server()).url);
      await registered(known, async () => {
        if (how === 'pulled') await pull({ name: known.name, cacheDir, env });
        const asked = how === 'pulled' ? known.name : modelFixture('slim-torchvision.pth');
        const { card, weights } = await openModel(asked, { seed: 0, cacheDir, env });
        expect(card).toMatchObject({
          name: 'imagenet-features',
          architecture: { classifier: null },
          labels: null,
          accuracy: null,
          preset: { name: 'torchvision-features', channels: 'RGB', divisor: 255, mean: [0.48235, 0.45882, 0.40784] },
        });
        expect(Object.keys(weights).filter((layer) => layer.startsWith('fc'))).toEqual([]);
        checkRequests(card, [{ kind: 'layer', layer: 'pool5' }]);
        for (const request of refused) {
          expect(() => checkRequests(card, [request])).toThrow(/holds no valid values/);
        }
      });
    },
  );

  it('a file is what its hash says: another preset is refused', async () => {
    const { cacheDir, env } = fresh();
    await registered(standIn('imagenet-features', 'http://127.0.0.1:1'), async () => {
      const options = { seed: 0, cacheDir, env, preset: 'torchvision' } as const;
      const error = await failure(openModel(modelFixture('slim-torchvision.pth'), options));
      expect(error).toMatchObject({ code: 'USAGE', exitCode: 2 });
      expect(error.message).toContain('torchvision-features');
    });
  });
});

describe('recognize', () => {
  it('finds known weights by their hash, under any name, and hashes nothing that cannot be them', async () => {
    const { cacheDir } = fresh();
    const known = standIn('imagenet-keras', 'http://127.0.0.1:1');
    const place = (name: string, bytes: Buffer) => {
      writeFileSync(join(cacheDir, name), bytes);
      return recognize(join(cacheDir, name), cacheDir);
    };
    await registered(known, async () => {
      expect((await place('renamed.bin', SLIM))?.name).toBe('imagenet-keras');
      expect(await place('longer.bin', Buffer.concat([SLIM, SLIM]))).toBeUndefined();
      expect(readdirSync(join(cacheDir, 'hashes'))).toHaveLength(1);
      expect(await place(known.file, Buffer.from('x'))).toBeUndefined();
      expect(await recognize(cacheDir, cacheDir)).toBeUndefined();
    });
  });
});

describe('listModels', () => {
  it('has every known name with its address, size, hash, licence, accuracy, and where that was read', async () => {
    const { cacheDir, env } = fresh();
    const models = await listModels({ cacheDir, env });
    expect(models.map(({ name }) => name)).toEqual([
      'imagenet',
      'imagenet-features',
      'imagenet-timm',
      'imagenet-keras',
      'imagenet-keras-notop',
      'imagenet-caffe',
      'imagenet-onnx',
      'imagenet-onnx-int8',
      'mini',
    ]);
    const digits = { sha256: 64, sha384: 96, md5: 32 } as const;
    for (const { name, url, bytes, hash, license, source, cached } of models) {
      if (name === 'mini') continue;
      expect(URL.canParse(url ?? ''), name).toBe(true);
      expect(bytes).toBeGreaterThan(50_000_000);
      expect([8, digits[hash.algorithm]], name).toContain(hash.hex.length);
      expect(hash.hex).toMatch(/^[0-9a-f]+$/);
      expect(license).toMatch(/\w/);
      expect(source).toMatch(/\w/);
      expect(cached).toBeNull();
    }
    // torchvision/models/vgg.py, keras.io, Open Model Zoo, ONNX Model Zoo: percent.
    expect(models.map(({ accuracy }) => accuracy?.top1 ?? null).slice(0, 8)).toEqual([
      71.592,
      null,
      71.594,
      71.3,
      null,
      70.968,
      72.38,
      72.32,
    ]);
    expect(models.find(({ name }) => name === 'mini')?.cached).toMatch(/mini\.safetensors$/);
  });

  it('says what is on this machine, and where a mirror has it', async () => {
    const { cacheDir, env } = fresh();
    const checkpoint = join(env.TORCH_HOME, 'hub', 'checkpoints', 'vgg16-397923af.pth');
    const keras = join(env.KERAS_HOME, 'models', 'vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5');
    const own = join(cacheDir, 'models', 'imagenet-caffe.safetensors');
    for (const path of [checkpoint, keras, own]) {
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, '');
    }
    const models = await listModels({ cacheDir, env, weightsUrl: 'http://mirror/a' });
    const cached = Object.fromEntries(
      models.flatMap((each) => (each.cached === null ? [] : [[each.name, each.cached]])),
    );
    expect(cached).toMatchObject({ imagenet: checkpoint, 'imagenet-keras-notop': keras, 'imagenet-caffe': own });
    expect(Object.keys(cached)).toHaveLength(4);
    expect(models[0]?.url).toBe('http://mirror/a/vgg16-397923af.pth');
  });

  it('has what was imported under a name of its own, and leaves out what is damaged', async () => {
    const { cacheDir, env } = fresh();
    mkdirSync(join(cacheDir, 'models'));
    writeFileSync(join(cacheDir, 'models', 'flowers.safetensors'), ownFile());
    writeFileSync(join(cacheDir, 'models', 'broken.safetensors'), 'x');
    writeFileSync(join(cacheDir, 'models', 'other.partial'), 'x');
    const models = (await listModels({ cacheDir, env })).slice(KNOWN_WEIGHTS.length);
    expect(models.map(({ name, what }) => [name, what])).toEqual([
      ['mini', expect.stringContaining('ships with the tool')],
      ['flowers', 'imported'],
    ]);
    expect(models[1]).toMatchObject({
      hash: { algorithm: 'sha256', hex: sha256(ownFile()) },
      preset: 'own',
      license: 'MIT',
    });
  });

  it('the registry’s labels are ImageNet’s where there is a classifier of 1,000', () => {
    for (const { name, labels } of KNOWN_WEIGHTS) {
      expect(labels, name).toBe(/features|notop/.test(name) ? null : IMAGENET_LABELS);
    }
  });
});
