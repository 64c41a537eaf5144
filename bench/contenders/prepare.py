"""Writes the network for ONNX Runtime and OpenVINO, once for all rounds.

    python bench/contenders/prepare.py --model FILE --folder DIR [--int8 --images PHOTOS]

DIR/vgg16.onnx and DIR/vgg16.xml; with --int8 also vgg16-int8.onnx, quantised by ONNX Runtime, and vgg16-int8.xml, quantised
by NNCF, both calibrated with photographs of PHOTOS. A format whose packages are missing is left out.
"""

import argparse
import importlib.util
from pathlib import Path

import common
import onnx
import onnx_graph
import photos

CALIBRATION_PHOTOS = 32


def has(*packages):
    return all(importlib.util.find_spec(name) for name in packages)


def quantize_onnx(source, target, files):
    """QDQ, signed weights for each channel, unsigned activations, ranges by their extremes: its advice for x86 CPUs."""
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    class Photos(CalibrationDataReader):
        def __init__(self):
            self.images = iter(files)

        def get_next(self):
            file = next(self.images, None)
            return None if file is None else {"image": photos.load(file)[None]}

    quantize_static(
        source,
        target,
        Photos(),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
    )


def quantize_openvino(source, target, files):
    """NNCF's quantisation after training, with its own defaults."""
    import nncf
    import openvino

    model = openvino.Core().read_model(source)
    dataset = nncf.Dataset(files, lambda file: photos.load(file)[None])
    openvino.save_model(nncf.quantize(model, dataset, subset_size=len(files)), target, compress_to_fp16=False)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True, help="the file that lib/random.mjs writes")
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--images", type=Path)
    parser.add_argument("--int8", action="store_true")
    args = parser.parse_args()
    plain = args.folder / "vgg16.onnx"
    onnx.save(onnx_graph.build(common.torch_layout(args.model)), plain)
    if has("openvino"):
        import openvino

        openvino.save_model(openvino.convert_model(plain), args.folder / "vgg16.xml", compress_to_fp16=False)
    if args.int8:
        files = photos.listed(args.images)[:CALIBRATION_PHOTOS]
        if has("onnxruntime"):
            quantize_onnx(plain, args.folder / "vgg16-int8.onnx", files)
        if has("openvino", "nncf"):
            quantize_openvino(args.folder / "vgg16.xml", args.folder / "vgg16-int8.xml", files)


if __name__ == "__main__":
    main()
