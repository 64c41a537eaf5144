"""What the Python contenders share: the same weights, the same pixels and the same clock as the tool's own."""

import argparse
import json
import time

import numpy as np
from safetensors.numpy import load_file

MEAN = np.array([0.485, 0.456, 0.406], np.float32)
STD = np.array([0.229, 0.224, 0.225], np.float32)

CONVOLUTIONS = (2, 2, 3, 3, 3)  # in each block
POOL5 = (7, 7, 512)

WARM_UP_BATCHES = 2  # as in lib/workload.mjs
MIN_BATCHES = 3


def arguments(**extra):
    """The flags of every model contender, and those named in `extra` with their choices."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True, help="the file that lib/random.mjs writes")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--threads", type=int, required=True)
    for name, choices in extra.items():
        parser.add_argument(f"--{name}", choices=choices, required=True)
    return parser.parse_args()


def torch_layout(path):
    """{layer: (kernel, bias)} in the order of PyTorch and ONNX: [out, in, h, w] and [out, in], fc6 reading (c, h, w)."""
    tensors = load_file(path)
    layers = {}
    for name in dict.fromkeys(key.split("/")[0] for key in tensors):
        kernel = tensors[f"{name}/kernel"]
        if kernel.ndim == 4:
            kernel = kernel.transpose(3, 2, 0, 1)
        elif name == "fc6":
            kernel = kernel.reshape(*POOL5, -1).transpose(3, 2, 0, 1).reshape(kernel.shape[1], -1)
        else:
            kernel = kernel.T
        layers[name] = (np.ascontiguousarray(kernel), tensors[f"{name}/bias"])
    return layers


def normalised_batch(batch):
    """The pixels of lib/workload.mjs, normalised: float32 [N, 3, 224, 224]."""
    i = np.arange(batch * 224 * 224 * 3, dtype=np.uint32)
    pixels = (i * np.uint32(2654435761) >> np.uint32(24)).reshape(batch, 224, 224, 3)
    return np.ascontiguousarray(((pixels.astype(np.float32) / 255 - MEAN) / STD).transpose(0, 3, 1, 2))


def report(run_batch, batch, seconds):
    """Times `run_batch`, which returns logits [N, 1000], and prints the contender's line."""
    for _ in range(WARM_UP_BATCHES):
        logits = run_batch()
    start, batches, elapsed = time.perf_counter(), 0, 0.0
    while batches < MIN_BATCHES or elapsed < seconds:
        run_batch()
        batches += 1
        elapsed = time.perf_counter() - start
    images = batches * batch
    best = int(logits[0].argmax())
    answer = {"class": best, "logit": float(logits[0][best])}
    print(json.dumps({"images": images, "seconds": elapsed, "imagesPerSecond": images / elapsed, "answer": answer}))
