/** How libvips works in this process. It is set up when the first image is decoded: to import the library changes nothing. */

import sharp from 'sharp';

let isSetUp = false;

/** Sets up libvips once, before it decodes anything. */
export function setUpLibvips(): void {
  if (isSetUp) return;
  isSetUp = true;
  // The caller decodes several images at a time; libvips's own threads and cache would only get in the way.
  sharp.concurrency(1);
  sharp.cache(false);
  // Photos are decoded from memory, and nothing else is: no SVG, PDF, ImageMagick, raw floats, HDR gain maps …
  sharp.block({ operation: ['VipsForeignLoad'] });
  sharp.unblock({
    operation: [
      'VipsForeignLoadJpegBuffer',
      'VipsForeignLoadPngBuffer',
      'VipsForeignLoadWebpBuffer',
      'VipsForeignLoadNsgifBuffer',
      'VipsForeignLoadTiffBuffer',
      'VipsForeignLoadHeifBuffer',
    ],
  });
}
