"""ONNX Runtime's model alone: the network of prepare.py on its CPU provider with all optimisations.

    python bench/contenders/onnxruntime_model.py --model vgg16.onnx --threads 2
"""

import common
import onnxruntime_session

args = common.arguments()
session = onnxruntime_session.start(args.model, args.threads)
images = common.normalised_batch(args.batch)
common.report_calls(lambda: session.run(["logits"], {"image": images})[0], args.batch, args.seconds)
