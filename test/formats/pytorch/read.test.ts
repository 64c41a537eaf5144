import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readWeightFile } from '../../../src/formats/open.js';
import { MAX_OPERATIONS } from '../../../src/formats/pytorch/pickle.js';
import type { StoredTensor } from '../../../src/formats/shared/stored-tensor.js';
import type { RangePlace } from '../../../src/network/tensors.js';
import { failure, modelFixture, storedZip, temporaryFolder, write } from '../files.js';

const folder = temporaryFolder();
let count = 0;
const read = (bytes: Buffer) => readWeightFile(write(folder, `${count++}.pth`, bytes));

const text = (value: string) => {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(Buffer.byteLength(value));
  return `X${length.toString('latin1')}${value}`;
};
/** A pickle from its instructions. */
const pickle = (...instructions: string[]) => Buffer.from(`\x80\x02${instructions.join('')}.`, 'latin1');
const storage = (key = '0', elements = 4, type = 'FloatStorage') =>
  `(${text('storage')}ctorch\n${type}\n${text(key)}${text('cpu')}K${String.fromCharCode(elements)}tQ`;
/** A float tensor [2, 2] whose storage has `elements` elements. */
const tensor = ({ offset = 0, strides = '\x02K\x01', shape = 'K\x02K\x02\x86', store = storage() } = {}) =>
  `ctorch._utils\n_rebuild_tensor_v2\n(${store}K${String.fromCharCode(offset)}${shape}K${strides}\x86\x89ccollections\nOrderedDict\n)RtR`;
const stateDict = (...entries: string[]) => pickle('}(', ...entries, 'u');
const archive = (data: Buffer, records: Readonly<Record<string, Buffer>> = { 'data/0': Buffer.alloc(16) }) =>
  storedZip(
    Object.fromEntries(
      Object.entries({ 'data.pkl': data, ...records }).map(([name, bytes]) => [`archive/${name}`, bytes]),
    ),
  );
const refusal = async (data: Buffer, records?: Readonly<Record<string, Buffer>>) => {
  const error = await failure(read(archive(data, records)));
  expect(error).toMatchObject({ code: 'MODEL_INVALID', exitCode: 5 });
  return error.message;
};

function rangeOf(tensor: StoredTensor | undefined): RangePlace {
  if (tensor?.place?.kind !== 'range') throw new Error('Expected a tensor in a range of its file.');
  return tensor.place;
}

describe('readPytorch', () => {
  it.each(['slim-torchvision.pth', 'slim-torchvision-legacy.pth'])(
    'finds in %s the bytes that safetensors holds',
    async (name) => {
      const file = await readWeightFile(modelFixture(name));
      const reference = await readWeightFile(modelFixture('slim-torchvision.safetensors'));
      const [bytes, expected] = [readFileSync(file.path), readFileSync(reference.path)];
      expect(file.tensors).toHaveLength(32);
      for (const tensor of file.tensors) {
        const twin = reference.tensors.find(({ name: candidate }) => candidate === tensor.name);
        const [here, there] = [rangeOf(tensor), rangeOf(twin)];
        expect([tensor.shape, here.type, here.byteLength]).toEqual([twin?.shape, there.type, there.byteLength]);
        const slice = (all: Buffer, { offset, byteLength }: RangePlace) => all.subarray(offset, offset + byteLength);
        expect(slice(bytes, here).equals(slice(expected, there))).toBe(true);
      }
    },
  );

  it('reads a hand-made state_dict, its offset into the storage, and a parameter', async () => {
    const parameter = `ctorch._utils\n_rebuild_parameter\n(${tensor()}\x88ccollections\nOrderedDict\n)RtR`;
    const row = tensor({ offset: 2, shape: 'K\x01K\x02\x86' });
    const { tensors } = await read(archive(stateDict(text('a'), parameter, text('b'), row)));
    expect(tensors.map(({ name, shape }) => [name, shape])).toEqual([
      ['a', [2, 2]],
      ['b', [1, 2]],
    ]);
    expect(rangeOf(tensors[1]).offset - rangeOf(tensors[0]).offset).toBe(8);
  });

  it('finds the state_dict of a checkpoint and strips what wrappers put before its names', async () => {
    const inner = `}(${text('module.a')}${tensor()}${text('module.b')}${tensor()}u`;
    const { tensors } = await read(archive(pickle('}(', text('epoch'), 'K\x03', text('state_dict'), inner, 'u')));
    expect(tensors.map(({ name }) => name)).toEqual(['a', 'b']);
  });

  it.each([
    ['posix', 'system'],
    ['builtins', 'eval'],
    ['torchvision.models.vgg', 'VGG'],
    ['torch', 'load'],
    ['__proto__', 'constructor'],
  ])('refuses to run %s.%s, and names it', async (module, name) => {
    const attack = pickle(`c${module}\n${name}\n`, text('touch /tmp/owned'), '\x85R');
    expect(await refusal(attack)).toContain(`asks to run ${module}.${name}`);
    const stacked = pickle(text(module), text(name), '\x93', text('id'), '\x85R');
    expect(await refusal(stacked)).toContain(`asks to run ${module}.${name}`);
  });

  it.each([
    ['an instruction that makes objects', pickle('ccollections\nOrderedDict\n)\x81'), '0x81'],
    ['a call of what is no function', pickle(text('a'), ')R'), 'no function'],
    ['a call of a storage type', pickle('ctorch\nFloatStorage\n)R'), 'no function'],
    ['a list posing as a function', pickle('])R'), 'no function'],
    ['attributes of a list', pickle(']}b'), 'no dict'],
    ['an empty stack', pickle('0'), 'stack is empty'],
    ['a missing mark', pickle('t'), 'mark is missing'],
    ['a value that was never made', pickle('h\x07'), 'never made'],
    ['text of 4 GB', Buffer.from('\x80\x02X\xff\xff\xff\xff', 'latin1'), 'bytes are missing'],
    ['a key that occurs twice', stateDict(text('a'), tensor(), text('a'), tensor()), 'occurs twice'],
    ['more instructions than any model needs', pickle('N0'.repeat(MAX_OPERATIONS)), 'instructions'],
    ['no state_dict', pickle('}', text('epoch'), 'K\x03s'), 'Expected a state_dict'],
    ['a list instead of a state_dict', pickle(']'), 'Expected a state_dict'],
    [
      'a storage of -1 elements',
      stateDict(
        text('a'),
        tensor({ store: `(${text('storage')}ctorch\nFloatStorage\n${text('0')}${text('cpu')}J\xff\xff\xff\xfftQ` }),
      ),
      'elements',
    ],
    ['a tensor without storage', stateDict(text('a'), tensor({ store: 'N' })), 'no storage'],
    ['a reference to something else', pickle(text('hello'), 'Q'), 'no storage'],
    ['a negative axis', stateDict(text('a'), tensor({ shape: 'J\xff\xff\xff\xffK\x02\x86' })), 'shape'],
    ['channels-last strides', stateDict(text('a'), tensor({ strides: '\x01K\x02' })), 'contiguous'],
    ['a tensor beyond its storage', stateDict(text('a'), tensor({ offset: 1 })), 'Expected 20 bytes'],
    ['a record that is missing', stateDict(text('a'), tensor({ store: storage('9') })), 'is missing'],
    [
      'a record outside the archive',
      stateDict(text('a'), tensor({ store: storage('../../etc/passwd') })),
      'is missing',
    ],
  ])('refuses %s', async (_what, data, expected) => {
    expect(await refusal(data)).toContain(expected);
  });

  it('does not follow values that share each other a billion times, or contain themselves', async () => {
    // 60 lists, each holding the one before twice: 2^60 values for whoever follows them.
    const bomb = `]q\x00${Array.from({ length: 60 }, (_, i) => `](h${String.fromCharCode(i)}h${String.fromCharCode(i)}eq${String.fromCharCode(i + 1)}`).join('')}`;
    expect(await refusal(pickle(bomb))).toContain('Expected a state_dict');
    expect(await refusal(pickle(bomb, 'Q'))).toContain('no storage');
    expect(await refusal(pickle(']q\x00h\x00aQ'))).toContain('no storage');
  });

  it('reads what PyTorch 0.1 wrote from Python 2, which is how old published files look', async () => {
    const old = (value: string) => `U${String.fromCharCode(value.length)}${value}`;
    const store = `(${old('storage')}ctorch\nFloatStorage\n${old('77')}${old('cpu')}K\x04NtQ`;
    const row = `ctorch._utils\n_rebuild_tensor\n(${store}K\x00K\x02K\x02\x86K\x02K\x01\x86tR`;
    const elements = Buffer.alloc(8);
    elements.writeBigUInt64LE(4n);
    const legacy = (value: Buffer) =>
      Buffer.concat([
        Buffer.from('80028a0a6cfc9c46f9206aa850192e', 'hex'),
        pickle('M\xe9\x03'),
        pickle('}', old('little_endian'), '\x88s'),
        value,
        pickle(`]${old('77')}a`),
        elements,
        Buffer.alloc(16),
      ]);
    const { tensors, bytes } = await read(legacy(pickle(`ccollections\nOrderedDict\n](](${old('a')}${row}ee\x85R`)));
    expect(tensors).toMatchObject([
      { name: 'a', shape: [2, 2], place: { kind: 'range', type: 'f32', offset: bytes - 16, byteLength: 16 } },
    ]);
    const twice = pickle(`ccollections\nOrderedDict\n](](${old('a')}${row}e](${old('a')}${row}ee\x85R`);
    expect((await failure(read(legacy(twice)))).message).toContain('occurs twice');
  });

  it('refuses a big-endian file, a TorchScript program, compressed records and a zip that is no model', async () => {
    const good = stateDict(text('a'), tensor());
    const data = { 'data/0': Buffer.alloc(16) };
    expect(await refusal(good, { ...data, byteorder: Buffer.from('big') })).toContain('little-endian');
    expect(await refusal(good, { ...data, 'constants.pkl': Buffer.alloc(1) })).toContain('TorchScript');
    expect((await failure(read(storedZip({ 'archive/data.pkl': good }, 8)))).message).toContain('compressed');
    expect((await failure(read(storedZip({ 'readme.txt': Buffer.from('hi') })))).message).toContain('no data.pkl');
    expect((await failure(read(storedZip({ '../data.pkl': good })))).message).toContain('damaged');
  });

  it('refuses an old-style file whose storages do not follow', async () => {
    const bytes = readFileSync(modelFixture('slim-torchvision-legacy.pth'));
    expect((await failure(read(bytes.subarray(0, -100)))).message).toContain('truncated');
    expect((await failure(read(Buffer.concat([bytes, Buffer.alloc(3)])))).message).toContain('3 bytes after');
  });
});
