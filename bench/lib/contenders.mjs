/** Who takes part in "model alone": each entry names one contender, what it needs, and the command that measures it once. */

import { fileURLToPath } from 'node:url';
import { python } from './machine.mjs';
import { jsonLine } from './process.mjs';

export const script = (name) => fileURLToPath(new URL(`../contenders/${name}`, import.meta.url));

/** Packages that the Python contenders import. */
export const TORCH = ['torch', 'torchvision', 'safetensors', 'numpy'];
export const ONNX = ['onnx', 'onnxruntime', 'safetensors', 'numpy'];
export const OPENVINO = ['openvino', 'onnx', 'safetensors', 'numpy'];

/** OpenVINO's int8 network is made by NNCF. */
export const openvinoNeeds = (precision) => (precision === 'int8' ? [...OPENVINO, 'nncf'] : OPENVINO);

/** OpenVINO's ways to share the threads: all for one batch, or several batches at a time. */
export const HINTS = ['latency', 'throughput'];

const TORCH_LAYOUTS = {
  nchw: 'PyTorch, nchw',
  channels_last: 'PyTorch, channels_last',
  compiled: 'PyTorch, channels_last, torch.compile',
};

/**
 * Model-only contenders: `{ name, group, precision, batch, needs, run }`. `group` is who it is compared as; `run()`
 * returns `{ imagesPerSecond, cpuSecondsPerImage, peakBytes, answer }`. All run batches of `batch`, and this tool its own
 * `ownBatch` as well. `files` are those of lib/setup.mjs.
 */
export function modelContenders({ machine, files, precisions, batch, ownBatch, seconds }) {
  const { threads } = machine;
  return precisions.flatMap((precision) => [
    ...[...new Set([batch, ownBatch])]
      .filter(() => files.own[precision] !== undefined)
      .map((size) => own({ files, precision, batch: size, threads, seconds })),
    ...(precision === 'f32' ? [tfjs({ batch, threads, seconds })] : []),
    ...torchLayouts(precision).map((layout) => torch({ files, precision, layout, batch, threads, seconds })),
    ...(precision === 'bf16' ? [] : [onnx({ files, precision, batch, threads, seconds })]), // it has no bf16 on CPUs
    ...HINTS.map((hint) => openvino({ files, precision, hint, batch, threads, seconds })),
  ]);
}

/** PyTorch's int8 needs a network written for it, so it does not take part. */
function torchLayouts(precision) {
  if (precision === 'int8') return [];
  return precision === 'f32' ? Object.keys(TORCH_LAYOUTS) : ['channels_last', 'compiled'];
}

export function own({ files, precision, batch, threads, seconds }) {
  const flags = [...common({ batch, threads, seconds }), '--model', files.own[precision], '--precision', precision];
  const run = () => jsonLine('node', [script('vgg16_model.mjs'), ...flags]);
  return { name: 'vgg16', group: 'own', precision, batch, threads, needs: [], run };
}

export function openvino({ files, precision, hint, batch, threads, seconds }) {
  const flags = ['--model', files.openvino[precision], '--hint', hint, '--precision', precision];
  const run = () => jsonLine(python(), [script('openvino_model.py'), ...common({ batch, threads, seconds }), ...flags]);
  const needs = openvinoNeeds(precision);
  return { name: `OpenVINO, ${hint}`, group: 'openvino', precision, batch, threads, hint, needs, run };
}

function tfjs({ batch, threads, seconds }) {
  const run = () => jsonLine('node', [script('tfjs_layers.mjs'), ...common({ batch, threads, seconds })]);
  return { name: 'tfjs-node, layers model', group: 'tfjs', precision: 'f32', batch, threads, needs: [], run };
}

function torch({ files, precision, layout, batch, threads, seconds }) {
  const flags = ['--model', files.own.f32, '--layout', layout, '--precision', precision];
  const run = () => jsonLine(python(), [script('torch_model.py'), ...common({ batch, threads, seconds }), ...flags]);
  return { name: TORCH_LAYOUTS[layout], group: 'torch', precision, batch, threads, needs: TORCH, run };
}

function onnx({ files, precision, batch, threads, seconds }) {
  const flags = ['--model', files.onnx[precision]];
  const run = () =>
    jsonLine(python(), [script('onnxruntime_model.py'), ...common({ batch, threads, seconds }), ...flags]);
  return { name: 'ONNX Runtime', group: 'onnx', precision, batch, threads, needs: ONNX, run };
}

function common({ batch, threads, seconds }) {
  return ['--batch', `${batch}`, '--seconds', `${seconds}`, '--threads', `${threads}`];
}
