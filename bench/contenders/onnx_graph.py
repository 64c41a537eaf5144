"""VGG-16 as an ONNX graph."""

from onnx import TensorProto, helper, numpy_helper

CONVOLUTIONS = (2, 2, 3, 3, 3)  # in each block
OPSET = 17


def build(layers):
    """Configuration D as an ONNX model: `image` [N, 3, 224, 224] in, `logits` [N, 1000] out; see common.torch_layout."""
    nodes, weights, value = [], [], "image"

    def add(op, name, inputs, **attributes):
        nonlocal value
        nodes.append(helper.make_node(op, [value, *inputs], [name], name=name, **attributes))
        value = name

    def variables(layer):
        for suffix, array in zip(("kernel", "bias"), layers[layer], strict=True):
            weights.append(numpy_helper.from_array(array, f"{layer}.{suffix}"))
        return [f"{layer}.kernel", f"{layer}.bias"]

    for block, count in enumerate(CONVOLUTIONS, start=1):
        for i in range(1, count + 1):
            layer = f"conv{block}_{i}"
            add("Conv", layer, variables(layer), kernel_shape=[3, 3], pads=[1, 1, 1, 1])
            add("Relu", f"{layer}.relu", [])
        add("MaxPool", f"pool{block}", [], kernel_shape=[2, 2], strides=[2, 2])
    add("Flatten", "flatten", [])
    for layer in ("fc6", "fc7"):
        add("Gemm", layer, variables(layer), transB=1)
        add("Relu", f"{layer}.relu", [])
    add("Gemm", "logits", variables("fc8"), transB=1)

    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 3, 224, 224])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", 1000])
    model = helper.make_graph(nodes, "vgg16", [image], [logits], weights)
    return helper.make_model(model, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
