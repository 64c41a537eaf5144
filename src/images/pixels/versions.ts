/** Which sharp and libvips decode the images. */

export interface DecoderVersions {
  readonly sharp: string;
  readonly libvips: string;
}

/** Loads sharp; rejects with sharp's own error when its library is missing for this platform. */
export async function decoderVersions(): Promise<DecoderVersions> {
  const { default: sharp } = await import('sharp');
  return { sharp: sharp.versions.sharp ?? 'unknown', libvips: sharp.versions.vips };
}
