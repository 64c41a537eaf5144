/** Numbers of the TIFF specification (TIFF 6.0, 1992, and its technical notes). */

export const Tag = {
  ImageWidth: 256,
  ImageLength: 257,
  BitsPerSample: 258,
  Compression: 259,
  Photometric: 262,
  FillOrder: 266,
  StripOffsets: 273,
  SamplesPerPixel: 277,
  RowsPerStrip: 278,
  StripByteCounts: 279,
  PlanarConfiguration: 284,
  Group3Options: 292,
  Group4Options: 293,
  Predictor: 317,
  ColorMap: 320,
  TileWidth: 322,
  TileLength: 323,
  TileOffsets: 324,
  TileByteCounts: 325,
  ExtraSamples: 338,
  SampleFormat: 339,
  JpegTables: 347,
  YcbcrCoefficients: 529,
  YcbcrSubsampling: 530,
  ReferenceBlackWhite: 532,
} as const;

export const Compression = {
  None: 1,
  CcittRle: 2,
  CcittGroup3: 3,
  CcittGroup4: 4,
  Lzw: 5,
  Jpeg: 7,
  Deflate: 8,
  CcittRleWords: 32771,
  PackBits: 32773,
  OldDeflate: 32946,
} as const;

const CCITT: ReadonlySet<number> = new Set([
  Compression.CcittRle,
  Compression.CcittRleWords,
  Compression.CcittGroup3,
  Compression.CcittGroup4,
]);

export function isCcitt(compression: number): boolean {
  return CCITT.has(compression);
}

export const Photometric = { WhiteIsZero: 0, BlackIsZero: 1, Rgb: 2, Palette: 3, Cmyk: 5, Ycbcr: 6 } as const;

export const SampleFormat = { Unsigned: 1, Signed: 2, Float: 3 } as const;

/** What a compression that is not read is called. */
export const COMPRESSION_NAMES: ReadonlyMap<number, string> = new Map([
  [6, 'old-style JPEG'],
  [9, 'JBIG'],
  [10, 'JBIG'],
  [32766, 'NeXT'],
  [32809, 'ThunderScan'],
  [32908, 'PixarFilm'],
  [32909, 'PixarLog'],
  [33003, 'JPEG 2000'],
  [33004, 'JPEG 2000'],
  [33005, 'JPEG 2000'],
  [34661, 'JBIG'],
  [34676, 'SGI Log'],
  [34677, 'SGI Log'],
  [34712, 'JPEG 2000'],
  [34887, 'LERC'],
  [34892, 'lossy JPEG'],
  [34925, 'LZMA'],
  [34926, 'Zstandard'],
  [34927, 'WebP'],
  [34933, 'PNG'],
  [34934, 'JPEG XR'],
  [50000, 'Zstandard'],
  [50001, 'WebP'],
  [50002, 'JPEG XL'],
  [52546, 'JPEG XL'],
]);

/** What the colours are called, also those that are not read. */
export const PHOTOMETRIC_NAMES: ReadonlyMap<number, string> = new Map([
  [0, 'white-is-zero grey'],
  [1, 'grey'],
  [2, 'RGB'],
  [3, 'palette'],
  [4, 'transparency mask'],
  [5, 'CMYK'],
  [6, 'YCbCr'],
  [8, 'Lab'],
  [9, 'Lab'],
  [10, 'Lab'],
  [32803, 'colour filter'],
  [32844, 'LogL'],
  [32845, 'LogLuv'],
  [34892, 'linear raw'],
]);
