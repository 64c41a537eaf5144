"""The plain pipeline around a network: photographs decoded ahead on a thread pool, rows of CSV on stdout."""

import argparse
import csv
import sys
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import common
import numpy as np
from PIL import Image

BATCH = 40  # 1,000 photographs make whole batches, and even threads equal shares of one
BATCHES_AHEAD = 2

SHORT_SIDE = 256
CROP = 224

TOP = 5


def arguments(**extra):
    """The flags of every pipeline, and those named in `extra` with their choices."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True, help="the network's file, in the contender's own format")
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--threads", type=int, required=True)
    for name, choices in extra.items():
        parser.add_argument(f"--{name}", choices=choices, required=True)
    return parser.parse_args()


def listed(folder):
    return sorted(folder.iterdir())


def load(file):
    """One photograph as torchvision's weights want it: float32 [3, 224, 224], short side 256, the middle 224, normalised."""
    with Image.open(file) as image:
        image = image.convert("RGB")
    short = min(image.size)
    width, height = (SHORT_SIDE if side == short else SHORT_SIDE * side // short for side in image.size)
    image = image.resize((width, height), Image.Resampling.BILINEAR)
    left, top = round((width - CROP) / 2), round((height - CROP) / 2)
    pixels = np.asarray(image.crop((left, top, left + CROP, top + CROP)), np.float32)
    return ((pixels / 255 - common.MEAN) / common.STD).transpose(2, 0, 1)


def batches_ahead(files, decode, threads):
    """Yields (files, decoded images) a batch. PIL and NumPy let go of the interpreter's lock, so threads decode in parallel."""
    with ThreadPoolExecutor(threads) as pool:
        batches = [files[start : start + BATCH] for start in range(0, len(files), BATCH)]
        queued = deque()
        for n in range(len(batches) + BATCHES_AHEAD):
            if n < len(batches):
                queued.append((batches[n], [pool.submit(decode, file) for file in batches[n]]))
            if n >= BATCHES_AHEAD:
                names, images = queued.popleft()
                yield names, [image.result() for image in images]


class Rows:
    """Writes the table: the path and the five best classes with their probabilities."""

    def __init__(self):
        self.writer = csv.writer(sys.stdout, lineterminator="\n")
        self.writer.writerow(["path", *(f"{name}_{rank}" for rank in range(1, TOP + 1) for name in ("class", "prob"))])

    def write(self, files, classes, probabilities):
        """`classes` and `probabilities` are lists [N][5]; a batch is written at once, so that its rows can be timed."""
        for file, best, prob in zip(files, classes, probabilities, strict=True):
            self.writer.writerow([file, *(cell for pair in zip(best, prob, strict=True) for cell in pair)])
        sys.stdout.flush()

    def write_logits(self, files, logits):
        """`logits` is float32 [N, 1000]."""
        best = np.argsort(-logits, axis=1)[:, :TOP]
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        probabilities = odds / odds.sum(axis=1, keepdims=True)
        self.write(files, best.tolist(), np.take_along_axis(probabilities, best, axis=1).tolist())
