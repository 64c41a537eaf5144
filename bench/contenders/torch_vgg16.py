"""torchvision's VGG-16 with the weights of the model file."""

import torch

# The CPU wheel of torchvision has no compiled operators; importing it needs these two to be named.
_library = torch.library.Library("torchvision", "FRAGMENT")
for _name, _schema in {
    "nms": "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms": "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}.items():
    try:
        _library.define(_schema)
    except RuntimeError:  # the operators are there: a build that has them
        pass

from torchvision.models import vgg16  # noqa: E402

import common  # noqa: E402


LAYOUTS = ["nchw", "channels_last", "compiled"]


def load(path, layout, precision):
    """The network in `layout` and `precision` (f32 or bf16), ready to run; `compiled` is channels_last through Inductor."""
    with torch.device("meta"):
        network = vgg16(weights=None)
    modules = [module for module in network.modules() if isinstance(module, (torch.nn.Conv2d, torch.nn.Linear))]
    for module, (kernel, bias) in zip(modules, common.torch_layout(path).values(), strict=True):
        assert module.weight.shape == kernel.shape
        module.weight = torch.nn.Parameter(torch.from_numpy(kernel), requires_grad=False)
        module.bias = torch.nn.Parameter(torch.from_numpy(bias), requires_grad=False)
    network.eval()
    if precision == "bf16":
        network = network.to(torch.bfloat16)
    network = network.to(memory_format=memory_format(layout))
    if layout != "compiled":
        return network
    torch._inductor.config.freezing = True  # weights become constants, packed once for the kernels
    return torch.compile(network)


def memory_format(layout):
    return torch.contiguous_format if layout == "nchw" else torch.channels_last


def dtype(precision):
    return torch.bfloat16 if precision == "bf16" else torch.float32
