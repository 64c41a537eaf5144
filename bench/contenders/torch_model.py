"""PyTorch's model alone: torchvision's VGG-16 under inference_mode, eager or compiled.

    python bench/contenders/torch_model.py --model FILE --threads 2 --layout channels_last --precision f32
"""

import common
import torch
import torch_vgg16

args = common.arguments(layout=torch_vgg16.LAYOUTS, precision=["f32", "bf16"])
torch.set_num_threads(args.threads)
network = torch_vgg16.load(args.model, args.layout, args.precision)
images = torch.from_numpy(common.normalised_batch(args.batch)).to(torch_vgg16.dtype(args.precision))
images = images.contiguous(memory_format=torch_vgg16.memory_format(args.layout))

with torch.inference_mode():
    common.report_calls(lambda: network(images).float().numpy(), args.batch, args.seconds)
