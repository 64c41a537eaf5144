/** What the figures were measured on and with. */

import { existsSync } from 'node:fs';
import { cpus, homedir, loadavg, totalmem } from 'node:os';
import { join } from 'node:path';
import { probeRuntime } from '../../dist/engine/runtime.js';
import { decoderVersions } from '../../dist/images/pixels/versions.js';
import { availableThreads, cpuFeatures } from '../../dist/machine/cpu.js';
import { lastLine, output } from './process.mjs';

/** Where bench/install.mjs puts the peers. */
export const VENV = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'vgg16-bench', 'venv');
export const VENV_PYTHON = join(VENV, 'bin', 'python');

/** The interpreter of the peers: $PYTHON, else that of bench/install.mjs, else python3. */
export function python() {
  return process.env.PYTHON ?? (existsSync(VENV_PYTHON) ? VENV_PYTHON : 'python3');
}

/** Versions of the Python packages that are there, by their import names; empty without a Python. */
export async function peerVersions() {
  const names = ['torch', 'torchvision', 'onnxruntime', 'onnx', 'openvino', 'nncf', 'safetensors', 'numpy', 'PIL'];
  const script = `
import json, importlib.metadata as m
found = {}
for name in ${JSON.stringify(names)}:
    try:
        found[name] = m.version({"PIL": "pillow"}.get(name, name))
    except m.PackageNotFoundError:
        pass
print(json.dumps(found))`;
  try {
    return JSON.parse(lastLine(await output(python(), ['-c', script])));
  } catch {
    return {};
  }
}

/** CPU, threads, memory and the versions of this tool's own parts. */
export async function machine() {
  const probe = await probeRuntime();
  if (!probe.ok) throw new Error(`TensorFlow does not run: ${probe.message}`);
  const { sharp, libvips } = await decoderVersions();
  const features = cpuFeatures();
  return {
    cpu: features.model,
    features,
    processors: cpus().length,
    threads: availableThreads(),
    load: loadavg()[0],
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    versions: {
      node: process.versions.node,
      'tfjs-node': probe.tfjsNode,
      tensorflow: probe.tensorflow,
      sharp,
      libvips,
    },
    date: new Date().toISOString().slice(0, 10),
  };
}

/** Bf16 instructions of this CPU: 'AMX', 'AVX-512', or undefined. */
export function bf16Unit({ features }) {
  if (features.amxBf16) return 'AMX';
  return features.avx512Bf16 ? 'AVX-512' : undefined;
}

/** Int8 instructions of this CPU: 'AMX', 'VNNI', or undefined. */
export function int8Unit({ features }) {
  if (features.amxInt8) return 'AMX';
  return features.avx512Vnni ? 'VNNI' : undefined;
}
