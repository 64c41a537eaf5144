"""OpenVINO as it is fastest on a CPU that is its own."""

import openvino

HINTS = ["latency", "throughput"]
PRECISIONS = ["f32", "bf16", "int8"]


def compiled(path, threads, hint, precision, batch):
    """The network of an .xml file, compiled for batches of `batch` images [N, 3, 224, 224].

    `latency` runs one batch on all threads, `throughput` several at a time on a share of them each. OpenVINO counts one
    core on some virtual machines, hence the threads by hand. An int8 file says itself which layers are quantised; what is
    not runs in float32.
    """
    core = openvino.Core()
    model = core.read_model(path)
    model.reshape([batch, 3, 224, 224])
    settings = {
        "INFERENCE_NUM_THREADS": threads,
        "ENABLE_HYPER_THREADING": True,
        "PERFORMANCE_HINT": hint.upper(),
        "INFERENCE_PRECISION_HINT": "bf16" if precision == "bf16" else "f32",
    }
    return core.compile_model(model, "CPU", settings)


def queue_of(network):
    """As many requests as OpenVINO says that it can use at a time."""
    return openvino.AsyncInferQueue(network, network.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS"))
