/** The folder that the pipelines read: photographs under as many names as the run needs. */

import { existsSync } from 'node:fs';
import { copyFile, link, mkdir, readdir } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const PHOTO = new Set(['.jpg', '.jpeg']);

/** The folder given by the user, else the photos below VGG16_TEST_DATA, else the tool's own samples. */
export function photoFolder(given) {
  if (given !== undefined) return given;
  const photos = join(process.env.VGG16_TEST_DATA ?? '', 'data/photos');
  return existsSync(photos) ? photos : fileURLToPath(new URL('../../fixtures/images', import.meta.url));
}

/**
 * Puts `count` photographs of `source` into the new folder `target`, each pass over the source under names of its own.
 * Hard links where the file system allows them, else copies: a symbolic link would be one image to the tool.
 */
export async function fillFolder(source, target, count) {
  const names = (await readdir(source)).filter((name) => PHOTO.has(extname(name).toLowerCase())).sort();
  if (names.length === 0) throw new Error(`Expected JPEG files in ${source} but found none.`);
  await mkdir(target);
  for (let i = 0; i < count; i++) {
    const pass = String(Math.floor(i / names.length)).padStart(4, '0');
    const name = names[i % names.length];
    const from = join(source, name);
    const to = join(target, `${pass}-${name}`);
    await link(from, to).catch(() => copyFile(from, to));
  }
}
