import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { installCommand } from '../../src/engine/runtime.js';
import { doctor, doctorExitCode, nodeProblems } from '../../src/services/doctor.js';

const scratch = mkdtempSync(join(tmpdir(), 'vgg16-doctor-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const works = async () => ({ ok: true, tensorflow: '2.21.0', tfjsNode: '4.22.0' }) as const;

describe('doctor', () => {
  it('finds nothing wrong where everything is installed', async () => {
    const found = await doctor({ cacheDir: join(scratch, 'new') });
    expect(found.problems).toEqual([]);
    expect(found.ok).toBe(true);
    expect(doctorExitCode(found)).toBe(0);
    expect(found.tensorflow.version).toMatch(/^2\.\d+\.\d+$/);
    expect(found.tensorflow.tfjsNode).toMatch(/^4\./);
    expect(found.sharp?.libvips).toMatch(/^8\./);
    expect(found.threads.available).toBeLessThanOrEqual(found.threads.processors);
  });

  it('reports a TensorFlow that does not run, with the command that installs it, and exit code 5', async () => {
    const found = await doctor({
      cacheDir: scratch,
      probe: async () => ({ ok: false, message: 'libtensorflow_cc.so.2: cannot open shared object file' }),
    });
    expect(found.ok).toBe(false);
    expect(found.tensorflow.version).toBeNull();
    expect(found.problems).toEqual([
      {
        part: 'tensorflow',
        message: expect.stringContaining('libtensorflow_cc.so.2: cannot open shared object file'),
        hint: installCommand(),
      },
    ]);
    expect(doctorExitCode(found)).toBe(5);
  });

  it('explains a process that ended for a missing instruction', async () => {
    const probe = async () => ({ ok: false, message: 'the process ended with SIGILL' }) as const;
    const found = await doctor({ cacheDir: scratch, probe });
    expect(found.problems[0]?.message).toContain('lacks instructions');
  });

  it('lists the models and runtimes in the cache with their sizes', async () => {
    const cacheDir = join(scratch, 'full');
    mkdirSync(join(cacheDir, 'models'), { recursive: true });
    mkdirSync(join(cacheDir, 'runtime', 'one', 'lib'), { recursive: true });
    writeFileSync(join(cacheDir, 'models', 'imagenet.safetensors'), 'x'.repeat(50));
    writeFileSync(join(cacheDir, 'runtime', 'one', 'lib', 'addon'), 'x'.repeat(7));
    const { cache } = await doctor({ cacheDir, probe: works });
    expect(cache).toEqual({
      folder: cacheDir,
      writable: true,
      bytes: 57,
      models: [{ name: 'imagenet.safetensors', bytes: 50 }],
      runtimes: [{ name: 'one', bytes: 7 }],
    });
  });

  it('reports a cache folder that is a file, with exit code 1', async () => {
    const file = join(scratch, 'file');
    writeFileSync(file, '');
    const found = await doctor({ cacheDir: file, probe: works });
    expect(found.problems.map(({ part }) => part)).toEqual(['cache']);
    expect(doctorExitCode(found)).toBe(1);
  });

  it.skipIf(process.getuid?.() === 0)('reports a cache folder that cannot be written', async () => {
    const folder = join(scratch, 'locked');
    mkdirSync(folder);
    chmodSync(folder, 0o500);
    const found = await doctor({ cacheDir: join(folder, 'inside'), probe: works });
    expect(found.problems.map(({ part }) => part)).toEqual(['cache']);
  });
});

describe('nodeProblems', () => {
  it.each([
    ['20.9.0', 0],
    ['20.20.2', 0],
    ['22.1.0', 0],
    ['20.8.1', 1],
    ['18.20.0', 1],
  ])('Node %s where >=20.9.0 is required: %i', (version, problems) => {
    expect(nodeProblems(version, '>=20.9.0')).toHaveLength(problems);
  });
});
