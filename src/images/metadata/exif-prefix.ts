/** `Exif\0\0`, which stands before the TIFF structure in a JPEG, and by mistake in other formats or twice. */
const PREFIX = Buffer.from('Exif\0\0');

/** As Pillow's `Exif.load` (src/PIL/Image.py), which takes away up to two. */
export function withoutPrefix(exif: Buffer): Buffer {
  let data = exif;
  for (let n = 0; n < 2 && data.subarray(0, PREFIX.length).equals(PREFIX); n += 1) data = data.subarray(PREFIX.length);
  return data;
}
