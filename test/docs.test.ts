/** The pages: links that lead somewhere, commands that exist, figures that were measured, an architecture that is the real one. */

import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { commandLines, unknownFlags } from './command-lines.js';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const read = (file: string) => readFileSync(join(ROOT, file), 'utf8');

/** Every page of the repository, by its path from the root. */
const PAGES: readonly string[] = ['.', 'bench', 'docs', 'fixtures'].flatMap((folder) =>
  readdirSync(join(ROOT, folder), { recursive: folder !== '.', encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(folder, name)),
);

/** Text that is no code: a link in code is no link. */
const prose = (page: string) => page.replaceAll(/^ *```[\s\S]*?^ *```/gm, '').replaceAll(/`[^`\n]*`/g, '');

/** What GitHub makes of a heading. */
function anchorsOf(page: string): readonly string[] {
  const headings = page.replaceAll(/^ *```[\s\S]*?^ *```/gm, '').matchAll(/^#+ (.*)$/gm);
  return [...headings].map(([, title = '']) =>
    title
      .toLowerCase()
      .replaceAll(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  );
}

describe('pages', () => {
  test('were found', () => {
    expect(PAGES.length).toBeGreaterThan(20);
  });

  test.each(PAGES)('the links of %s lead to files and headings', (page) => {
    const links = [...prose(read(page)).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = '']) => link);
    const broken = links
      .filter((link) => !/^[a-z]+:/.test(link))
      .filter((link) => {
        const [path = '', anchor] = link.split('#');
        const file = path === '' ? page : join(dirname(page), path);
        if (!existsSync(join(ROOT, file))) return true;
        return anchor !== undefined && !anchorsOf(read(file)).includes(anchor);
      });
    expect(broken).toEqual([]);
  });

  test.each(PAGES)('the commands of %s have flags that exist', (page) => {
    expect(commandLines(read(page)).flatMap(unknownFlags)).toEqual([]);
  });

  test('the index names every page of docs/', () => {
    const index = read('docs/README.md');
    const pages = readdirSync(join(ROOT, 'docs')).filter((name) => name.endsWith('.md') && name !== 'README.md');
    expect(pages.filter((page) => !index.includes(`](${page})`))).toEqual([]);
  });
});

describe('README', () => {
  const readme = read('README.md');

  test('is short, and has commands', () => {
    expect(readme.trimEnd().split('\n').length).toBeLessThanOrEqual(90);
    expect(commandLines(readme).length).toBeGreaterThan(10);
  });

  test('its three rows are rows of the whole report', () => {
    const place = /three: begin -->\n([\s\S]*?)<!-- node bench\/run.mjs, three: end/.exec(readme)?.[1] ?? '';
    const rows = place.split('\n').filter((line) => line.startsWith('|'));
    const report = read('docs/benchmark.md').split('\n');
    expect(rows).toHaveLength(5);
    expect(rows.filter((row) => !report.includes(row))).toEqual([]);
    const [, cpu, photos, rounds, date] =
      /^(.*), \d+ threads, (\d+ photographs); median of (.*) \(.*, (\S+):$/m.exec(place) ?? [];
    const heading = report.find((line) => line.startsWith(`${date}, `));
    expect(heading).toContain(`${date}, ${cpu}, `);
    expect(report.find((line) => line.startsWith(`Median of ${rounds} (`))).toContain(photos);
  });

  test('bench writes them: this tool, the fastest other runtime, the faster PyTorch, of float32', () => {
    const folder = mkdtempSync(join(tmpdir(), 'vgg16-docs-'));
    try {
      const [results, page] = ['results.json', 'page.md'].map((name) => join(folder, name)) as [string, string];
      const spread = (median: number) => ({ median, low: median, high: median, rounds: [median] });
      const one = (name: string, group: string, precision: string, rate: number) => ({
        ...{ name, group, precision, rate: spread(rate), totalSeconds: spread(100 / rate) },
        firstRow: spread(1),
      });
      const machine = {
        date: '2026-01-02',
        cpu: 'A CPU',
        processors: 2,
        threads: 2,
        memoryGiB: 8,
        load: 0,
        features: {},
      };
      const settings = { quick: false, rounds: 1, seconds: 1, photos: { count: 100 } };
      const pipeline = [
        one('vgg16 classify', 'own', 'f32', 8),
        one('PyTorch A', 'torch', 'f32', 4),
        one('PyTorch B', 'torch', 'f32', 5),
        one('ONNX Runtime', 'onnx', 'f32', 6),
        one('OpenVINO', 'openvino', 'f32', 10),
        one('vgg16 classify', 'own', 'bf16', 80),
        one('OpenVINO', 'openvino', 'bf16', 90),
      ];
      writeFileSync(results, JSON.stringify({ machine, peers: {}, settings, pipeline, missing: [] }));
      const mark = (end: string) => `<!-- node bench/run.mjs, three: ${end} -->`;
      writeFileSync(page, `${mark('begin')}\nold\n${mark('end')}\n`);
      const args = [join(ROOT, 'bench/run.mjs'), '--from', results, '--markdown', page];
      const report = execFileSync(process.execPath, args, { encoding: 'utf8' });
      const rows = [
        '| **vgg16 classify** | f32 | 12.5 | 8.00 |  |',
        '| OpenVINO | f32 | 10.0 | 10.0 | 0.80 × |',
        '| PyTorch B | f32 | 20.0 | 5.00 | 1.60 × |',
      ];
      const filled = readFileSync(page, 'utf8').split('\n');
      expect(filled).toContain('A CPU, 2 threads, 100 photographs; median of 1 round (lowest-highest), 2026-01-02:');
      expect(filled.filter((line) => line.includes('| f32 |'))).toEqual(rows);
      expect(filled).not.toContain('old');
      // In the whole report they stand once, among the others.
      const lines = report.split('\n');
      expect(rows.map((row) => lines.filter((line) => line === row).length)).toEqual([1, 1, 1]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe('docs/architecture.md', () => {
  const page = read('docs/architecture.md');
  const hops = [...page.matchAll(/^\| (\d+) \| `([^`]+)` \| (.+?) \|/gm)].map(([, hop, file = '', names = '']) => ({
    hop: Number(hop),
    file,
    names: [...names.matchAll(/`(\w+)`/g)].map(([, name = '']) => name),
  }));

  test('counts the hops of an image', () => {
    expect(hops.length).toBeGreaterThan(20);
    expect(hops.map(({ hop }) => hop)).toEqual(hops.map((_, i) => i + 1));
  });

  test.each(hops)('hop $hop: $file has $names', ({ file, names }) => {
    const source = read(join('src', file));
    expect(names.length).toBeGreaterThan(0);
    expect(names.filter((name) => !new RegExp(`\\b${name}\\b`).test(source))).toEqual([]);
  });

  test('names files and folders that exist', () => {
    const paths = [...page.matchAll(/`([\w.-]+\/[\w./-]*)`/g)].map(([, path = '']) => path);
    const real = paths.filter((path) => !path.includes('NAME') && path !== 'photos/');
    expect(real.length).toBeGreaterThan(40);
    expect(real.filter((path) => !existsSync(join(ROOT, 'src', path)) && !existsSync(join(ROOT, path)))).toEqual([]);
  });

  test('shows every folder of src/', () => {
    const folders = readdirSync(join(ROOT, 'src'), { withFileTypes: true }).filter((entry) => entry.isDirectory());
    const picture = /```([\s\S]*?)```/.exec(page)?.[1] ?? '';
    expect(folders.map(({ name }) => name).filter((name) => !new RegExp(`\\b${name}/`).test(picture))).toEqual([]);
  });
});
