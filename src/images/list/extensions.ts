/** What a name's extension says: an image, an archive of images, or neither. */

import { basename, extname } from 'node:path/posix';

/** The formats that are decoded, by their usual extensions. */
export const IMAGE_EXTENSIONS = ['jpg', 'jpeg', 'png', 'webp', 'gif', 'tif', 'tiff', 'avif', 'bmp'] as const;

/** What names of archives end with, longest first. */
const ARCHIVE_ENDS = ['.tar.gz', '.tgz', '.tar', '.zip'] as const;

/** In a list of extensions these mean archives; `gz` is what the part after the last dot of `.tar.gz` is. */
const ARCHIVE_EXTENSIONS: ReadonlySet<string> = new Set([...ARCHIVE_ENDS, '.gz']);

export interface Extensions {
  /** A file in a folder that is wanted: an image, or an archive where its extension is among those asked for. */
  readonly isWanted: (path: string) => boolean;
  /** A member of an archive that is wanted: an image, never an archive. */
  readonly isImage: (path: string) => boolean;
  /** Those of images, without the dot. */
  readonly images: readonly string[];
}

/** Whether a path is that of an archive, by its extension in any case. */
export function isArchive(path: string): boolean {
  return archiveEnd(path) !== undefined;
}

/**
 * `extensions` without the dot, any case. Who asks for archives alone (`--ext tar`) wants the usual images in them, for
 * an archive without any would be of no use.
 */
export function sortExtensions(extensions: readonly string[]): Extensions {
  const wanted = new Set(extensions.map((extension) => `.${extension.replace(/^\./, '').toLowerCase()}`));
  const asked = [...wanted].filter((extension) => !ARCHIVE_EXTENSIONS.has(extension));
  const images = asked.length > 0 ? asked : IMAGE_EXTENSIONS.map((extension) => `.${extension}`);
  const imageSet = new Set(images);
  return {
    isWanted: (path) => wanted.has(archiveEnd(path) ?? '') || wanted.has(extname(path).toLowerCase()),
    isImage: (path) => imageSet.has(extname(path).toLowerCase()),
    images: images.map((extension) => extension.slice(1)),
  };
}

function archiveEnd(path: string): string | undefined {
  const name = basename(path).toLowerCase();
  return ARCHIVE_ENDS.find((end) => name.endsWith(end) && name.length > end.length);
}
