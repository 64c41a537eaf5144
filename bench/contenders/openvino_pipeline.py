"""OpenVINO's plain pipeline over a folder: PIL and NumPy on a thread pool, an asynchronous queue, top 5 as CSV on stdout.

    python bench/contenders/openvino_pipeline.py --model vgg16.xml --threads 2 --images DIR --hint throughput --precision f32
"""

from collections import deque

import numpy as np
import openvino_compiled
import photos

args = photos.arguments(hint=openvino_compiled.HINTS, precision=openvino_compiled.PRECISIONS)
network = openvino_compiled.compiled(args.model, args.threads, args.hint, args.precision, photos.BATCH)
queue = openvino_compiled.queue_of(network)
rows = photos.Rows()
started, finished = deque(), {}


def keep(request, number):
    finished[number] = request.get_output_tensor().data.copy()


def write_finished():
    """In the order of the input, as far as the next batch is there."""
    while started and started[0][0] in finished:
        number, files = started.popleft()
        rows.write_logits(files, finished.pop(number)[: len(files)])


queue.set_callback(keep)
for number, (files, images) in enumerate(photos.batches_ahead(photos.listed(args.images), photos.load, args.threads)):
    # A last one that is shorter is filled up: the network's shape is fixed, as OpenVINO advises.
    batch = np.zeros((photos.BATCH, *images[0].shape), np.float32)
    np.stack(images, out=batch[: len(images)])
    queue.start_async({0: batch}, number)
    started.append((number, files))
    write_finished()
queue.wait_all()
write_finished()
