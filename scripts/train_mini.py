"""Trains `mini`, the model that ships with the tool: VGG-16 at about a quarter of the width for 32x32 pixels, on CIFAR-10.

    python scripts/train_mini.py --data cifar10-train.tar.gz --out fixtures/models/mini.safetensors

DATA is a tar of JPEGs, train/<class>/<file>. Every tenth file of each class (sorted by name, the 1st, 11th, 21st …) is
held out: 5,000 images that no step of the training sees, on which the accuracy in the card is measured, after folding.

Batch norm stands behind each convolution and dense layer while training (Ioffe and Szegedy 2015) and is folded into the
kernels and biases afterwards, so what ships is plain VGG-16: convolution, bias, ReLU. Needs torch, numpy, pillow,
safetensors.
"""

import argparse
import io
import json
import math
import tarfile
import time

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.numpy import save_file
from torch import nn

CONVOLUTIONS = [[20, 20], [40, 40], [72, 72, 72], [128, 128, 128], [128, 128, 128]]
DENSE = [256, 256]
MEAN = [0.4914, 0.4822, 0.4465]  # of the training images, as commonly used for CIFAR-10
STD = [0.247, 0.2435, 0.2616]

DROPOUT, SMOOTHING, WEIGHT_DECAY = 0.2, 0.1, 5e-4


def read_images(path):
    """Images [N, 32, 32, 3] uint8, labels [N], held-out mask [N], class names."""
    files = {}
    with tarfile.open(path) as tar:
        for member in tar:
            if member.isfile():
                _, label, name = member.name.split("/")
                pixels = np.asarray(Image.open(io.BytesIO(tar.extractfile(member).read())).convert("RGB"))
                files.setdefault(label, []).append((name, pixels))
    classes = sorted(files)
    images, labels, held_out = [], [], []
    for index, label in enumerate(classes):
        for position, (_, pixels) in enumerate(sorted(files[label], key=lambda file: file[0])):
            images.append(pixels)
            labels.append(index)
            held_out.append(position % 10 == 0)
    return np.stack(images), np.array(labels), np.array(held_out), classes


class Block(nn.Module):
    """A weight layer, batch norm, ReLU."""

    def __init__(self, layer, norm):
        super().__init__()
        self.layer, self.norm = layer, norm

    def forward(self, x):
        return F.relu(self.norm(self.layer(x)))

    def folded(self):
        """Kernel and bias with the batch norm's running statistics folded in."""
        scale = self.norm.weight / torch.sqrt(self.norm.running_var + self.norm.eps)
        kernel = self.layer.weight * scale.view(-1, *[1] * (self.layer.weight.ndim - 1))
        return kernel, self.norm.bias - self.norm.running_mean * scale


class Mini(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.blocks, channels = nn.ModuleList(), 3
        for widths in CONVOLUTIONS:
            block = nn.ModuleList()
            for width in widths:
                block.append(Block(nn.Conv2d(channels, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)))
                channels = width
            self.blocks.append(block)
        self.dense = nn.ModuleList()
        for width in DENSE:
            self.dense.append(Block(nn.Linear(channels, width, bias=False), nn.BatchNorm1d(width)))
            channels = width
        self.fc8 = nn.Linear(channels, classes)

    def forward(self, x):
        for block in self.blocks:
            for layer in block:
                x = layer(x)
            x = F.max_pool2d(x, 2)
        x = x.flatten(1)
        for layer in self.dense:
            x = F.dropout(layer(x), DROPOUT, self.training)
        return self.fc8(x)

    def tensors(self):
        """Plain VGG-16 in TensorFlow's axis order: kernels [h, w, in, out] and [in, out]."""
        out = {}
        for b, block in enumerate(self.blocks):
            for c, layer in enumerate(block):
                kernel, bias = layer.folded()
                out[f"conv{b + 1}_{c + 1}"] = (kernel.permute(2, 3, 1, 0), bias)
        for name, layer in zip(("fc6", "fc7"), self.dense):  # pool5 is 1x1, so (c, h, w) and (h, w, c) agree
            kernel, bias = layer.folded()
            out[name] = (kernel.T, bias)
        out["fc8"] = (self.fc8.weight.T, self.fc8.bias)
        return {
            f"{layer}/{part}": np.ascontiguousarray(tensor.detach().float().numpy())
            for layer, pair in out.items()
            for part, tensor in zip(("kernel", "bias"), pair)
        }


def plain_forward(tensors, x):
    """The folded network, as the tool runs it; x [N, 3, 32, 32] normalised. Returns logits [N, classes]."""
    t = {name: torch.from_numpy(value) for name, value in tensors.items()}
    for b, widths in enumerate(CONVOLUTIONS):
        for c in range(len(widths)):
            name = f"conv{b + 1}_{c + 1}"
            x = F.relu(F.conv2d(x, t[f"{name}/kernel"].permute(3, 2, 0, 1), t[f"{name}/bias"], padding=1))
        x = F.max_pool2d(x, 2)
    x = x.flatten(1)
    for name in ("fc6", "fc7"):
        x = F.relu(x @ t[f"{name}/kernel"] + t[f"{name}/bias"])
    return x @ t["fc8/kernel"] + t["fc8/bias"]


def augment(x, generator):
    """Random crops of the image padded by 4 pixels, flips, and a grey patch of 7 pixels; x [N, 3, 32, 32]."""
    n = len(x)
    padded = F.pad(x, (4, 4, 4, 4))
    dy, dx = torch.randint(0, 9, (2, n), generator=generator)
    rows = (dy[:, None] + torch.arange(32))[:, None, :, None]
    flip = torch.rand(n, generator=generator) < 0.5
    columns = torch.where(flip[:, None], torch.arange(31, -1, -1), torch.arange(32))
    columns = (dx[:, None] + columns)[:, None, None, :]
    cut_y, cut_x = torch.randint(0, 32, (2, n), generator=generator)  # cutout (DeVries and Taylor 2017)
    line = torch.arange(32)
    hole = ((line - cut_y[:, None]).abs() < 4)[:, :, None] & ((line - cut_x[:, None]).abs() < 4)[:, None, :]
    x = padded[torch.arange(n)[:, None, None, None], torch.arange(3)[None, :, None, None], rows, columns]
    return x.masked_fill(hole[:, None], 0)


def export(model, classes, x, y, path):
    """Writes the folded network with its card; returns its accuracy on the held-out images, in percent."""
    tensors = model.tensors()
    with torch.no_grad():
        guesses = torch.cat([plain_forward(tensors, part).argmax(1) for part in x.split(500)])
    top1 = round(100 * (guesses == y).float().mean().item(), 2)
    card = {
        "name": "mini",
        "architecture": {
            "inputSize": 32,
            "convolutions": CONVOLUTIONS,
            "classifier": {"fc6": DENSE[0], "fc7": DENSE[1], "classes": len(classes)},
        },
        "preset": {
            "name": "mini",
            "resize": 32,
            "crop": 32,
            "channels": "RGB",
            "divisor": 255,
            "mean": MEAN,
            "std": STD,
        },
        "labels": classes,
        "license": "MIT",
        "source": "trained on CIFAR-10 (Krizhevsky 2009) by scripts/train_mini.py",
        "accuracy": {"top1": top1, "on": f"{len(y):,} held-out CIFAR-10 training images"},
    }
    save_file(tensors, path, {"format": "vgg16", "version": "1", "card": json.dumps(card)})
    return top1


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="tar of JPEGs, train/<class>/<file>")
    parser.add_argument("--out", required=True, help="the model file to write")
    parser.add_argument("--epochs", type=int, default=24)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--rate", type=float, default=0.1, help="peak learning rate")
    parser.add_argument("--seed", type=int, default=16)
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    generator = torch.Generator().manual_seed(args.seed)
    images, labels, held_out, classes = read_images(args.data)
    x = (torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255 - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(
        STD
    ).view(3, 1, 1)
    y = torch.from_numpy(labels)
    train_x, train_y = x[~held_out], y[~held_out]
    test_x, test_y = x[held_out], y[held_out]

    model = Mini(len(classes)).to(memory_format=torch.channels_last)
    decayed = [p for p in model.parameters() if p.ndim > 1]
    others = [p for p in model.parameters() if p.ndim == 1]
    groups = [{"params": decayed, "weight_decay": WEIGHT_DECAY}, {"params": others, "weight_decay": 0}]
    optimizer = torch.optim.SGD(groups, lr=args.rate, momentum=0.9, nesterov=True)
    steps = args.epochs * math.ceil(len(train_x) / args.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, args.rate, total_steps=steps, pct_start=0.2)

    for epoch in range(args.epochs):
        model.train()
        start, total = time.time(), 0.0
        for part in torch.randperm(len(train_x), generator=generator).split(args.batch):
            inputs = augment(train_x[part], generator).contiguous(memory_format=torch.channels_last)
            with torch.autocast("cpu", torch.bfloat16):  # 1.7 times faster where the CPU has bfloat16
                logits = model(inputs)
            loss = F.cross_entropy(logits.float(), train_y[part], label_smoothing=SMOOTHING)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item() * len(part)
        model.eval()
        top1 = export(model, classes, test_x, test_y, args.out)
        seconds = time.time() - start
        print(f"epoch {epoch + 1}: loss {total / len(train_x):.4f}, held-out {top1} %, {seconds:.0f} s", flush=True)


if __name__ == "__main__":
    main()
