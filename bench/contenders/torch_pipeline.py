"""torchvision's plain pipeline over a folder: PIL, the weights' own transforms, batches of 40, top 5 as CSV on stdout.

    python bench/contenders/torch_pipeline.py --model FILE --threads 2 --images DIR --loader processes --precision f32

`--loader processes` is a DataLoader with a worker for each thread; `threads` decodes on a thread pool (PIL lets go of
the interpreter's lock while it decodes and resizes), two batches ahead of the model.
"""

import photos
import torch
import torch_vgg16
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision.models import VGG16_Weights


class Photos(Dataset):
    def __init__(self, files):
        self.files = files
        self.transform = VGG16_Weights.IMAGENET1K_V1.transforms()

    def __len__(self):
        return len(self.files)

    def __getitem__(self, i):
        return self.load(self.files[i]), str(self.files[i])

    def load(self, file):
        with Image.open(file) as image:
            return self.transform(image.convert("RGB"))


def with_processes(images, workers):
    for tensors, files in DataLoader(images, photos.BATCH, num_workers=workers, prefetch_factor=photos.BATCHES_AHEAD):
        yield files, tensors


def with_threads(images, workers):
    for files, tensors in photos.batches_ahead(images.files, images.load, workers):
        yield files, torch.stack(tensors)


def main():
    args = photos.arguments(loader=["processes", "threads"], precision=["f32", "bf16"])
    torch.set_num_threads(args.threads)
    network = torch_vgg16.load(args.model, "channels_last", args.precision)
    load = with_processes if args.loader == "processes" else with_threads
    rows = photos.Rows()
    with torch.inference_mode():
        for files, images in load(Photos(photos.listed(args.images)), args.threads):
            images = images.to(torch_vgg16.dtype(args.precision)).contiguous(memory_format=torch.channels_last)
            best = network(images).float().softmax(1).topk(photos.TOP)
            rows.write(files, best.indices.tolist(), best.values.tolist())


if __name__ == "__main__":
    main()
