"""torchvision's plain pipeline over a folder: PIL, the weights' own transforms, batches of 32, top 5 as CSV on stdout.

    python bench/contenders/torch_pipeline.py --model FILE --threads 2 --images DIR --loader processes --precision f32

`--loader processes` is a DataLoader with a worker for each thread; `threads` decodes on a thread pool (PIL lets go of
the interpreter's lock while it decodes and resizes), two batches ahead of the model.
"""

import argparse
import csv
import sys
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch
import torch_vgg16
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision.models import VGG16_Weights

BATCH = 32
BATCHES_AHEAD = 2


class Photos(Dataset):
    def __init__(self, files):
        self.files = files
        self.transform = VGG16_Weights.IMAGENET1K_V1.transforms()

    def __len__(self):
        return len(self.files)

    def __getitem__(self, i):
        with Image.open(self.files[i]) as image:
            return self.transform(image.convert("RGB")), str(self.files[i])


def with_processes(photos, workers):
    yield from DataLoader(photos, BATCH, num_workers=workers, prefetch_factor=BATCHES_AHEAD)


def with_threads(photos, workers):
    with ThreadPoolExecutor(workers) as pool:
        batches = [range(s, min(s + BATCH, len(photos))) for s in range(0, len(photos), BATCH)]
        queued = deque()
        for n in range(len(batches) + BATCHES_AHEAD):
            if n < len(batches):
                queued.append([pool.submit(photos.__getitem__, i) for i in batches[n]])
            if n >= BATCHES_AHEAD:
                images, paths = zip(*(future.result() for future in queued.popleft()), strict=True)
                yield torch.stack(images), paths


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True)
    parser.add_argument("--images", required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--loader", choices=["processes", "threads"], required=True)
    parser.add_argument("--precision", choices=["f32", "bf16"], required=True)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    network = torch_vgg16.load(args.model, "channels_last", args.precision)
    photos = Photos(sorted(Path(args.images).iterdir()))
    load = with_processes if args.loader == "processes" else with_threads

    rows = csv.writer(sys.stdout, lineterminator="\n")
    rows.writerow(["path", *(f"{name}_{rank}" for rank in range(1, 6) for name in ("class", "prob"))])
    with torch.inference_mode():
        for images, paths in load(photos, args.threads):
            images = images.to(torch_vgg16.dtype(args.precision)).contiguous(memory_format=torch.channels_last)
            best = network(images).float().softmax(1).topk(5)
            for path, classes, probs in zip(paths, best.indices.tolist(), best.values.tolist(), strict=True):
                rows.writerow([path, *(cell for pair in zip(classes, probs, strict=True) for cell in pair)])
            sys.stdout.flush()


if __name__ == "__main__":
    main()
