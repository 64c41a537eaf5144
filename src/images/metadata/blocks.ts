/** The blocks of metadata that a photo may carry, whatever its format. */

/** What Pillow finds in the same file, so that the same orientation and dates come of it. */
export interface EmbeddedBlocks {
  /** A TIFF structure, perhaps after `Exif\0\0`; for a TIFF file it is the file itself. */
  readonly exif?: Buffer | undefined;
  /** An XMP packet, which is XML text. */
  readonly xmp?: Buffer | undefined;
  /** EXIF data where only other tools than Pillow look for it: good for dates, but not for the orientation. */
  readonly otherExif?: Buffer | undefined;
}
