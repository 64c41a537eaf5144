import { describe, expect, test } from 'vitest';
import { sniff } from '../../../src/images/sniff/sniff.js';

const latin1 = (text: string) => Buffer.from(text, 'latin1');

/** The first bytes of such files as their specifications have them. */
const HEADS: readonly (readonly [string, string])[] = [
  ['a raw photo (Canon CR3)', '\0\0\0\x18ftypcrx \0\0\0\x01crx isom'],
  ['a raw photo (Canon CR2)', 'II*\0\x10\0\0\0CR\x02\0'],
  ['a raw photo (Canon CRW)', 'II\x1a\0\0\0HEAPCCDR'],
  ['a raw photo (Olympus ORF)', 'IIRO\x08\0\0\0'],
  ['a raw photo (Panasonic RW2)', 'IIU\0\x18\0\0\0'],
  ['a raw photo (Fujifilm RAF)', 'FUJIFILMCCD-RAW 0201'],
  ['a raw photo (Phase One IIQ)', 'II*\0\x08\0\0\0IIII'],
  ['HEIC', '\0\0\0\x18ftypmif1\0\0\0\0mif1heic'],
  ['a HEIC sequence', '\0\0\0\x18ftypmsf1\0\0\0\0msf1hevc'],
  ['HEIF', '\0\0\0\x14ftypmif1\0\0\0\0mif1'],
  ['JPEG XL', '\xff\x0a\xfa\x7f'],
  ['JPEG 2000', '\0\0\0\x0cjP  \r\n\x87\n'],
  ['a JPEG 2000 codestream', '\xff\x4f\xff\x51\0\x2f'],
  ['JPEG XR', 'II\xbc\x01\x08\0\0\0'],
  ['PBM', 'P1\n8 8\n'],
  ['PGM', 'P2 8 8 255\n'],
  ['PPM', 'P6\n8 8\n255\n'],
  ['PPM', 'P3#a comment\n'],
  ['PAM', 'P7\nWIDTH 8\n'],
  ['PFM', 'PF\n8 8\n-1.0\n'],
  ['an icon (ICO)', '\0\0\x01\0\x01\0\x10\x10'],
  ['a cursor (CUR)', '\0\0\x02\0\x01\0\x20\x20'],
  ['an icon of macOS (ICNS)', 'icns\0\0\x01\0'],
  ['QOI', 'qoif\0\0\0\x08\0\0\0\x08\x03\0'],
  ['DDS', 'DDS \x7c\0\0\0'],
  ['OpenEXR', 'v/1\x01\x02\0\0\0'],
  ['Radiance HDR', '#?RADIANCE\n'],
  ['PCX', '\x0a\x05\x01\x08'],
  ['an SGI image', '\x01\xda\x01\x01'],
  ['FITS', 'SIMPLE  =                    T'],
  ['a Photoshop document', '8BPS\0\x01'],
  ['a GIMP image', 'gimp xcf file\0'],
  ['XBM', '#define im_width 16\n#define im_height 16\n'],
  ['DICOM', `${'\0'.repeat(128)}DICM`],
  ['a video', '\0\0\0\x18ftypisom\0\0\0\0isommp41'],
  ['a video', '\0\0\x01\xba\x44'],
  ['sound', '\0\0\0\x18ftypM4A \0\0\0\0M4A mp42'],
  ['macOS data about a file (AppleDouble)', '\0\x05\x16\x07\0\x02\0\0Mac OS X'],
  [
    'a Git LFS pointer, which git lfs pull replaces by the file',
    'version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n',
  ],
  ['a git-annex pointer, which git annex get replaces by the file', '/annex/objects/SHA256E-s12--0f.jpg\n'],
  ['text in UTF-16', '\xff\xfeh\0i\0'],
  ['SVG', `<?xml version="1.0"?>\n<!-- ${'a comment '.repeat(30)} --><svg xmlns=`],
];

describe('what is not decoded has a name', () => {
  test.each(HEADS)('%s: %j', (name, head) => {
    expect(sniff(latin1(head))).toEqual({ other: name });
  });

  test.each([
    ['BM is no BMP without a header', 'BMW, a car'],
    ['P6 is no PPM without white space', 'P65 is a road'],
    ['a count of no pictures is no icon', '\0\0\x01\0\0\0\0\0'],
  ])('%s', (_name, head) => {
    const kind = sniff(latin1(head));
    expect(['text', 'data of an unknown kind']).toContain('other' in kind && kind.other);
  });
});

test('BMP is known by its header', () => {
  for (const size of ['\x0c', '\x28', '\x40', '\x7c']) {
    expect(sniff(latin1(`BMabcdefghijkl${size}\0\0\0`))).toEqual({ format: 'bmp' });
  }
});

describe('TGA', () => {
  /** 2x2 pixels of 24 bits, without compression. */
  const HEADER = `\0\0\x02${'\0'.repeat(9)}\x02\0\x02\0\x18\x20`;

  test('is known by its footer', () => {
    const file = `${HEADER}${'x'.repeat(12)}${'\0'.repeat(8)}TRUEVISION-XFILE.\0`;
    expect(sniff(latin1(file))).toEqual({ other: 'TGA' });
  });

  test('or by a header that fits the length of the file', () => {
    expect(sniff(latin1(`${HEADER}${'x'.repeat(12)}`))).toEqual({ other: 'TGA' });
    expect(sniff(latin1(`${HEADER}${'x'.repeat(11)}`))).toEqual({ other: 'data of an unknown kind' });
  });

  test.each([
    ['no pixels', 12, 0],
    ['an unknown kind', 2, 7],
    ['an odd depth', 16, 7],
    ['interleaving', 17, 0x80],
    ['neither map nor none', 1, 2],
  ])('is not seen in noise: %s', (_name, at, value) => {
    const file = latin1(`${HEADER}${'x'.repeat(12)}`);
    file[at] = value;
    expect(sniff(file)).toEqual({ other: 'data of an unknown kind' });
  });
});

describe('a raw photo that is a TIFF is not taken for its preview', () => {
  const NEW_SUBFILE_TYPE = 254;
  const PHOTOMETRIC = 262;
  const SUB_DIRECTORIES = 330;
  const DNG_VERSION = 50706;
  /** Where the second directory is, behind a first one of up to five entries. */
  const SECOND = 8 + 2 + 5 * 12 + 4;

  test.each([
    ['DNG', { [DNG_VERSION]: 1 }, {}, 'a raw photo (DNG)'],
    ['a preview before the rest', { [NEW_SUBFILE_TYPE]: 1, [SUB_DIRECTORIES]: SECOND }, {}, 'a raw photo of a camera'],
    [
      'a mosaic in a directory below',
      { [SUB_DIRECTORIES]: SECOND },
      { [PHOTOMETRIC]: 32803 },
      'a raw photo of a camera',
    ],
    ['a mosaic in the first directory', { [PHOTOMETRIC]: 32803 }, {}, 'a raw photo of a camera'],
  ])('%s', (_name, first, second, other) => {
    expect(sniff(tiff(first, second))).toEqual({ other });
  });

  test.each([
    ['a smaller picture below the photo', { [NEW_SUBFILE_TYPE]: 0, [SUB_DIRECTORIES]: SECOND }, { [PHOTOMETRIC]: 2 }],
    ['nothing but a preview', { [NEW_SUBFILE_TYPE]: 1 }, {}],
    ['a directory below that is outside of the file', { [SUB_DIRECTORIES]: 0xffff_fff0 }, {}],
  ])('but a TIFF with %s is a photo', (_name, first, second) => {
    expect(sniff(tiff(first, second))).toEqual({ format: 'tiff' });
  });

  /** Two directories of numbers by tag. */
  function tiff(first: Readonly<Record<number, number>>, second: Readonly<Record<number, number>>): Buffer {
    const data = Buffer.alloc(SECOND + 100);
    data.write('II*\0', 'latin1');
    data.writeUInt32LE(8, 4);
    for (const [start, tags] of [[8, Object.entries(first)] as const, [SECOND, Object.entries(second)] as const]) {
      data.writeUInt16LE(tags.length, start);
      tags.forEach(([tag, value], i) => {
        const at = start + 2 + i * 12;
        data.writeUInt16LE(Number(tag), at);
        data.writeUInt16LE(4, at + 2);
        data.writeUInt32LE(1, at + 4);
        data.writeUInt32LE(value, at + 8);
      });
    }
    return data;
  }
});
