"""What the Python contenders share: the same weights, the same pixels and the same clock as the tool's own."""

import argparse
import json
import resource
import time

import numpy as np

MEAN = np.array([0.485, 0.456, 0.406], np.float32)
STD = np.array([0.229, 0.224, 0.225], np.float32)

POOL5 = (7, 7, 512)

WARM_UP_BATCHES = 2  # as in lib/workload.mjs
MIN_BATCHES = 3


def arguments(**extra):
    """The flags of every model contender, and those named in `extra` with their choices."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True, help="the network's file, in the contender's own format")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--threads", type=int, required=True)
    for name, choices in extra.items():
        parser.add_argument(f"--{name}", choices=choices, required=True)
    return parser.parse_args()


def torch_layout(path):
    """{layer: (kernel, bias)} in the order of PyTorch and ONNX: [out, in, h, w] and [out, in], fc6 reading (c, h, w)."""
    from safetensors.numpy import load_file

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


def report(start, finish, batch, seconds, in_flight=1):
    """
    Times batches and prints the contender's line. `start()` gives the network a batch and may come back before it is done;
    `finish()` waits for all that were started and returns logits [N, 1000]. `in_flight` batches run at the same time.
    """
    for _ in range(WARM_UP_BATCHES * in_flight):
        start()
    logits = finish()
    begin, cpu, batches = time.perf_counter(), time.process_time(), 0
    while batches < MIN_BATCHES * in_flight or time.perf_counter() - begin < seconds:
        start()
        batches += 1
    finish()
    elapsed, cpu = time.perf_counter() - begin, time.process_time() - cpu
    images = batches * batch
    best = int(logits[0].argmax())
    line = {
        "images": images,
        "seconds": elapsed,
        "imagesPerSecond": images / elapsed,
        "cpuSecondsPerImage": cpu / images,
        "peakBytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "answer": {"class": best, "logit": float(logits[0][best])},
    }
    print(json.dumps(line))


def report_calls(run_batch, batch, seconds):
    """`report` for a network that is done when its call returns: `run_batch()` gives the logits."""
    last = None

    def start():
        nonlocal last
        last = run_batch()

    report(start, lambda: last, batch, seconds)
