"""OpenVINO's model alone: the network of prepare.py, batches through an asynchronous queue.

    python bench/contenders/openvino_model.py --model vgg16.xml --threads 2 --hint throughput --precision f32
"""

import common
import openvino_compiled

args = common.arguments(hint=openvino_compiled.HINTS, precision=openvino_compiled.PRECISIONS)
network = openvino_compiled.compiled(args.model, args.threads, args.hint, args.precision, args.batch)
queue = openvino_compiled.queue_of(network)
images = common.normalised_batch(args.batch)


def finish():
    queue.wait_all()
    return queue[0].get_output_tensor().data


common.report(
    lambda: queue.start_async({0: images}, share_inputs=True), finish, args.batch, args.seconds, in_flight=len(queue)
)
