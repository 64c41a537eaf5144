"""What Pillow makes of every file of a folder, for test/corpus/pillow.test.ts.

    python test/corpus/pillow.py FOLDER PIXELS

Prints a JSON array with one object for each file that Pillow takes for an image, and for each that it refuses, sorted by path.
Writes the crops of those that it decodes to the file PIXELS, one after the other: 224x224 RGB bytes each, made as torchvision's
preset makes them (short side 256, antialiased bilinear, centre), with transparency laid over white and turned upright.

Needs pillow >= 13 and numpy.
"""

import json
import resource
import sys
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

RESIZE, CROP = 256, 224

MAX_PIXELS = 178_956_970
"""The tool's own default of --max-pixels: the corpus holds images that would fill the memory."""

MAX_MEMORY = 8 << 30
"""In bytes. Damaged files ask for more than any machine has; Pillow then raises MemoryError."""

Image.MAX_IMAGE_PIXELS = None
warnings.simplefilter("ignore")


def as_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16"):  # Pillow clips to white; the upper byte is what is meant.
        values = np.asarray(image)
        opacity = np.where(values == image.info.get("transparency", -1), 0, 255)
        image = Image.fromarray(np.stack([values >> 8, opacity], 2).astype(np.uint8), "LA")
    if "A" in image.getbands() or "a" in image.getbands() or "transparency" in image.info:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    return image.convert("RGB")


def crop_of(image: Image.Image) -> np.ndarray:
    width, height = image.size
    if width <= height:
        size = (RESIZE, int(RESIZE * height / width))
    else:
        size = (int(RESIZE * width / height), RESIZE)
    left, top = (int(round((length - CROP) / 2.0)) for length in size)
    resized = image.resize(size, Image.Resampling.BILINEAR)
    return np.asarray(resized.crop((left, top, left + CROP, top + CROP)))


def main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, MAX_MEMORY))
    folder, pixels = Path(sys.argv[1]), Path(sys.argv[2])
    entries = []
    with pixels.open("wb") as out:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            entry = {"path": path.relative_to(folder).as_posix()}
            try:
                with Image.open(path) as image:
                    entry |= {"format": image.format, "mode": image.mode}
                    if image.width * image.height > MAX_PIXELS:
                        raise ValueError(f"{image.width}x{image.height} are too many pixels")
                    image.load()
                    upright = as_rgb(ImageOps.exif_transpose(image))
                    crop = crop_of(upright)
                    assert crop.shape == (CROP, CROP, 3), crop.shape
                entries.append(entry | {"width": upright.width, "height": upright.height})
                out.write(crop.tobytes())
            except Exception as error:  # Whatever Pillow raises is its way to refuse a file.
                entries.append(entry | {"error": f"{type(error).__name__}: {error}"})
    print(json.dumps(entries))


if __name__ == "__main__":
    main()
