/** Runs `.keras` files in Keras. */

import { spawnSync } from 'node:child_process';
import type { Model } from '../../../src/network/card.js';

/** TensorFlow's start takes ten seconds on a busy machine. */
const LIMIT_MS = 120_000;

/** Prepares the images as the preset says, in float32 as TensorFlow does. */
const SCRIPT = `
import json, os, sys
os.environ.update(TF_CPP_MIN_LOG_LEVEL="2", CUDA_VISIBLE_DEVICES="", TF_ENABLE_ONEDNN_OPTS="0")
import warnings
import keras
import numpy as np
card, paths = json.loads(sys.argv[1]), sys.argv[2:]
size = card["architecture"]["inputSize"]
preset = card["preset"]
pixels = np.frombuffer(sys.stdin.buffer.read(), np.uint8).reshape(-1, size, size, 3)
if preset["channels"] == "BGR":
    pixels = pixels[..., ::-1]
x = (pixels.astype(np.float32) / preset["divisor"] - np.float32(preset["mean"])) / np.float32(preset["std"])
runs = []
print("---", file=sys.stderr, flush=True)
warnings.simplefilter("always")
for path in paths:
    model = keras.models.load_model(path)
    outputs = model(x)
    outputs = outputs if isinstance(outputs, (list, tuple)) else [outputs]
    values = [np.asarray(output).reshape(-1).tolist() for output in outputs]
    runs.append({"values": values, "names": list(model.output_names)})
print("---", file=sys.stderr, flush=True)
print(json.dumps(runs))
`;

export interface KerasRun {
  /** One list an output. */
  readonly values: readonly (readonly number[])[];
  /** Of the layers that give the outputs. */
  readonly names: readonly string[];
}

export interface KerasRuns {
  readonly runs: readonly KerasRun[];
  /** What was on stderr between the first model and the last output. */
  readonly warnings: string;
}

/** One process for all models: TensorFlow takes long to start. `images`: RGB, one after the other. */
export function runKeras(interpreter: string | undefined, paths: readonly string[], model: Model, images: Uint8Array) {
  if (interpreter === undefined) throw new Error('Expected a Python with Keras but there is none: skip this test.');
  const { status, stdout, stderr } = spawnSync(interpreter, ['-c', SCRIPT, JSON.stringify(model.card), ...paths], {
    encoding: 'utf8',
    input: images,
    timeout: LIMIT_MS,
    maxBuffer: 1 << 26,
  });
  if (status !== 0) throw new Error(`Expected Keras to run ${paths.join(', ')} but it failed: ${stderr}`);
  const [, warnings] = stderr.split('---\n');
  if (warnings === undefined) throw new Error(`Expected marks on stderr but it was ${stderr}`);
  const runs: KerasRuns = { runs: JSON.parse(stdout), warnings };
  return runs;
}
