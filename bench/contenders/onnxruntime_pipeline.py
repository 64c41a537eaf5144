"""ONNX Runtime's plain pipeline over a folder: PIL and NumPy on a thread pool, batches of 40, top 5 as CSV on stdout.

    python bench/contenders/onnxruntime_pipeline.py --model vgg16.onnx --threads 2 --images DIR
"""

import numpy as np
import onnxruntime_session
import photos

args = photos.arguments()
session = onnxruntime_session.start(args.model, args.threads)
rows = photos.Rows()
for files, images in photos.batches_ahead(photos.listed(args.images), photos.load, args.threads):
    rows.write_logits(files, session.run(["logits"], {"image": np.stack(images)})[0])
