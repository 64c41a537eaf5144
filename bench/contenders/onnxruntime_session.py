"""ONNX Runtime as it is fastest on a CPU that is its own."""

import onnxruntime


def start(path, threads):
    """A session on the CPU provider: every optimisation of the graph, `threads` threads inside an operator."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
