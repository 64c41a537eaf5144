"""PyTorch's model alone: torchvision's VGG-16, eager, under inference_mode.

    python bench/contenders/torch_model.py --model FILE --threads 2 --layout channels_last --precision f32
"""

import torch

import common
import torch_vgg16

args = common.arguments(layout=["nchw", "channels_last"], precision=["f32", "bf16"])
torch.set_num_threads(args.threads)
network = torch_vgg16.load(args.model, args.layout, args.precision)
images = torch.from_numpy(common.normalised_batch(args.batch)).to(torch_vgg16.dtype(args.precision))
images = images.contiguous(memory_format=torch_vgg16.memory_format(args.layout))

with torch.inference_mode():
    common.report(lambda: network(images).float().numpy(), args.batch, args.seconds)
