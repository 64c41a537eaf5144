import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  compressFile,
  compressionOf,
  decompressFile,
  uncompressedName,
} from '../../../src/output/files/compression.js';
import { python, runPython } from '../../python.js';

let folder: string;
const at = (name: string) => join(folder, name);

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vgg16-compression-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Lines of so many bytes in all. */
function textOf(bytes: number): Buffer {
  const text = Buffer.alloc(bytes);
  let done = 0;
  for (let i = 0; done < bytes; i += 1) done += text.write(`photos/${i}.jpg,ok,${(i * 7919) % 100003}\n`, done);
  return text;
}

/** None, one row, pieces and frames to the byte, and a few of them with a rest. */
const SIZES = [0, 20, 1 << 20, (1 << 20) + 1, 4 << 20, (9 << 20) + 12_345];

const hasZstd = spawnSync('zstd', ['--version']).status === 0;
const DUCKDB = python(['duckdb']);

describe('compressionOf', () => {
  it('goes by the end of the name, in any case', () => {
    const names = ['x.csv', 'x.csv.gz', 'x.CSV.GZ', 'x.jsonl.zst', 'gz', '.gz', 'x.gzip'];
    expect(names.map(compressionOf)).toEqual([undefined, 'gzip', 'gzip', 'zstd', undefined, undefined, undefined]);
    expect(names.map(uncompressedName)).toEqual(['x.csv', 'x.csv', 'x.CSV', 'x.jsonl', 'gz', '.gz', 'x.gzip']);
  });
});

describe.each(['gzip', 'zstd'] as const)('%s', (compression) => {
  it('of the same text is the same file, and gives the text back', async () => {
    for (const bytes of SIZES) {
      const text = textOf(bytes);
      writeFileSync(at('text'), text);
      await compressFile(at('text'), at('one'), compression);
      await compressFile(at('text'), at('two'), compression);
      expect(readFileSync(at('one')).equals(readFileSync(at('two')))).toBe(true);
      await decompressFile(at('one'), at('back'), compression);
      expect(readFileSync(at('back')).equals(text), `${bytes} bytes`).toBe(true);
      for (const name of readdirSync(folder)) rmSync(at(name));
    }
  });

  it('that is cut off anywhere, has a byte more, or is no such file is refused, and leaves nothing', async () => {
    writeFileSync(at('text'), textOf(5 << 20));
    await compressFile(at('text'), at('whole'), compression);
    const whole = readFileSync(at('whole'));
    const cuts = [1, 3, 9, 17, 1000, whole.length >> 1, whole.length - 1].map((length) => whole.subarray(0, length));
    for (const damaged of [...cuts, Buffer.concat([whole, Buffer.from('x')]), Buffer.from('path,status\n')]) {
      writeFileSync(at('damaged'), damaged);
      await expect(decompressFile(at('damaged'), at('back'), compression)).rejects.toMatchObject({
        code: 'OUTPUT_FAILED',
        exitCode: 1,
      });
      expect(readdirSync(folder).sort()).toEqual(['damaged', 'text', 'whole']);
    }
  });

  it('ends with what its signal was aborted for', async () => {
    writeFileSync(at('text'), textOf(1 << 20));
    await compressFile(at('text'), at('whole'), compression);
    const aborted = AbortSignal.abort(new Error('Ctrl-C'));
    await expect(decompressFile(at('whole'), at('back'), compression, aborted)).rejects.toThrow('Ctrl-C');
    expect(readdirSync(folder).sort()).toEqual(['text', 'whole']);
  });

  it('never writes over a file that is there', async () => {
    writeFileSync(at('text'), 'row\n');
    writeFileSync(at('theirs'), 'theirs');
    await expect(compressFile(at('text'), at('theirs'), compression)).rejects.toMatchObject({ code: 'EEXIST' });
    expect(readFileSync(at('theirs'), 'utf8')).toBe('theirs');
  });
});

describe('other programs read', () => {
  const SIZE = (9 << 20) + 12_345;

  it('gzip, whose header names no time and no file', async () => {
    const text = textOf(SIZE);
    writeFileSync(at('text'), text);
    await compressFile(at('text'), at('x.gz'), 'gzip');
    const file = readFileSync(at('x.gz'));
    // RFC 1952: ID1, ID2, CM, FLG, and four bytes of MTIME.
    expect(file.subarray(0, 8)).toEqual(Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0]));
    expect(gunzipSync(file).equals(text)).toBe(true);
    const options = { maxBuffer: 2 * SIZE };
    expect(execFileSync('gzip', ['-dc', at('x.gz')], options).equals(text)).toBe(true);
  });

  it.skipIf(!hasZstd)('Zstandard: the zstd tool', async () => {
    const text = textOf(SIZE);
    writeFileSync(at('text'), text);
    await compressFile(at('text'), at('x.zst'), 'zstd');
    const options = { maxBuffer: 2 * SIZE };
    expect(execFileSync('zstd', ['-dc', at('x.zst')], options).equals(text)).toBe(true);
  });

  it.skipIf(!hasZstd)('and what the zstd tool writes is read, with a checksum and without a size, too', async () => {
    const text = textOf(SIZE);
    writeFileSync(at('text'), text);
    execFileSync('zstd', ['-q', '-9', '--check', at('text'), '-o', at('small.zst')]);
    await decompressFile(at('small.zst'), at('back'), 'zstd');
    expect(readFileSync(at('back')).equals(text)).toBe(true);
  });

  it.skipIf(DUCKDB === undefined)('both: DuckDB, all rows', { timeout: 120_000 }, async () => {
    const rows = textOf(SIZE);
    // The size cuts off the last line.
    const text = `path,status,n\n${rows.toString('utf8', 0, rows.lastIndexOf('\n') + 1)}`;
    const images = text.split('\n').length - 2;
    writeFileSync(at('text'), text);
    await compressFile(at('text'), at('x.csv.gz'), 'gzip');
    await compressFile(at('text'), at('x.csv.zst'), 'zstd');
    const script = `import duckdb, json, sys
print(json.dumps([duckdb.sql(f"select count(*), count(distinct path) from '{name}'").fetchall()[0] for name in sys.argv[1:]]))`;
    const counts = runPython(DUCKDB, script, [at('x.csv.gz'), at('x.csv.zst')]);
    expect(counts).toEqual([
      [images, images],
      [images, images],
    ]);
  });
});
