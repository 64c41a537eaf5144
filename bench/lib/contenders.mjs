/** Who takes part: each entry names one contender, what it needs, and the command that measures it once. */

import { fileURLToPath } from 'node:url';
import { bf16Unit, python } from './machine.mjs';
import { jsonLine, output, timedRows } from './process.mjs';

const script = (name) => fileURLToPath(new URL(`../contenders/${name}`, import.meta.url));
const CLI = fileURLToPath(new URL('../../bin/run.js', import.meta.url));

/** Packages that the Python contenders import. */
const TORCH = ['torch', 'torchvision', 'safetensors', 'numpy'];
const ONNX = ['onnx', 'onnxruntime', 'safetensors', 'numpy'];

/** PyTorch's CPU threads are OpenMP's; sharp's decoders are libuv's, as bin/run.js sets it. */
const DECODER_ENV = { UV_THREADPOOL_SIZE: '64' };

/**
 * Model-only contenders: `{ name, group, precision, batch, needs, run }`. `group` is who it is compared as; `run()`
 * returns `{ imagesPerSecond, answer }`. All run batches of `batch`, and this tool its own as well.
 */
export function modelContenders({ machine, modelFile, batch: common, ownBatch, seconds }) {
  const flags = (batch) => ['--batch', `${batch}`, '--seconds', `${seconds}`, '--threads', `${machine.threads}`];
  const node = (file, batch, ...extra) => jsonLine('node', [script(file), ...flags(batch), ...extra]);
  const py = (file, ...extra) => jsonLine(python(), [script(file), '--model', modelFile, ...flags(common), ...extra]);
  const own = (precision, batch) => ({
    name: 'vgg16',
    group: 'own',
    precision,
    batch,
    needs: [],
    run: () => node('vgg16_model.mjs', batch, '--precision', precision),
  });
  const torch = (precision, layout) => ({
    name: `PyTorch, ${layout}`,
    group: 'torch',
    precision,
    batch: common,
    needs: TORCH,
    run: () => py('torch_model.py', '--layout', layout, '--precision', precision),
  });
  const list = [
    ...[...new Set([common, ownBatch])].map((batch) => own('f32', batch)),
    {
      name: 'tfjs-node, layers model',
      group: 'tfjs',
      precision: 'f32',
      batch: common,
      needs: [],
      run: () => node('tfjs_layers.mjs', common),
    },
    torch('f32', 'nchw'),
    torch('f32', 'channels_last'),
    {
      name: 'ONNX Runtime',
      group: 'onnx',
      precision: 'f32',
      batch: common,
      needs: ONNX,
      run: () => py('onnx_model.py'),
    },
  ];
  if (bf16Unit(machine) !== undefined) {
    list.push(...[...new Set([common, ownBatch])].map((batch) => own('bf16', batch)));
    list.push(torch('bf16', 'channels_last'));
  }
  return list;
}

/** Whole pipelines, a folder of photographs to CSV: `run()` returns `{ imagesPerSecond, firstRow, rows }`. */
export function pipelineContenders({ machine, modelFile, folder, precisions }) {
  const own = (precision) => ({
    name: 'vgg16 classify',
    group: 'own',
    precision,
    needs: [],
    run: () => timedRows('node', cliArguments(folder, modelFile, precision)),
  });
  const torch = (precision, loader) => ({
    name: `PyTorch and torchvision, ${loader === 'processes' ? 'DataLoader' : 'thread pool'}`,
    group: 'torch',
    precision,
    needs: [...TORCH, 'PIL'],
    run: () =>
      timedRows(python(), [
        ...[script('torch_pipeline.py'), '--model', modelFile, '--images', folder],
        ...['--threads', `${machine.threads}`, '--loader', loader, '--precision', precision],
      ]),
  });
  return precisions.flatMap((precision) => [
    own(precision),
    torch(precision, 'processes'),
    torch(precision, 'threads'),
  ]);
}

/** The decoder alone, as many images at a time as `classify` decodes. */
export function measureDecoder(folder, workers) {
  const args = [script('decode.mjs'), '--images', folder, '--workers', `${workers}`];
  return jsonLine('node', args, { env: DECODER_ENV });
}

/** Seconds from the start of `vgg16 classify` to its first row. */
export async function measureFirstRow(folder, modelFile) {
  const { firstRow } = await timedRows('node', cliArguments(folder, modelFile, 'f32'), { stopAfterFirst: true });
  return firstRow;
}

/** Seconds that `vgg16 --help` takes. */
export async function measureHelp() {
  const start = performance.now();
  await output('node', [CLI, '--help']);
  return (performance.now() - start) / 1000;
}

/** The command line of the tool: the everyday command, with the rows on standard output so that they can be timed. */
export function cliArguments(folder, modelFile, precision) {
  return [CLI, 'classify', folder, '--model', modelFile, '--precision', precision, '--format', 'csv', '--no-progress'];
}
