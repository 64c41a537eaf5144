/** Who takes part in "whole pipeline", a folder of JPEG files to a CSV file, and what is measured of this tool beside it. */

import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { HINTS, ONNX, openvinoNeeds, script, TORCH } from './contenders.mjs';
import { python } from './machine.mjs';
import { jsonLine, output, timedRows } from './process.mjs';
import { best } from './table.mjs';

const CLI = fileURLToPath(new URL('../../bin/run.js', import.meta.url));

/** Sharp's decoders are libuv's threads, as many as bin/run.js sets. */
const DECODER_ENV = { UV_THREADPOOL_SIZE: '64' };

/**
 * Whole pipelines: `run()` returns what `timedRows` does. `model` are the results of the model alone, where they were
 * measured: OpenVINO takes the hint that was faster there.
 */
export function pipelineContenders({ machine, files, precisions, photos, model, folder }) {
  const target = join(folder, 'results.csv');
  const peer = (name, group, precision, needs, file, flags) => ({
    ...{ name, group, precision, needs: [...needs, 'PIL'] },
    run: () =>
      timedRows(
        python(),
        [script(file), '--images', photos.folder, '--threads', `${machine.threads}`, ...flags],
        target,
      ),
  });
  return precisions.flatMap((precision) => {
    const hint = best(model ?? [], 'openvino', precision)?.hint ?? HINTS.at(-1);
    const torch = (loader) =>
      peer(
        `PyTorch and torchvision, ${loader === 'processes' ? 'DataLoader' : 'thread pool'}`,
        ...['torch', precision, TORCH, 'torch_pipeline.py'],
        ['--model', files.own.f32, '--loader', loader, '--precision', precision],
      );
    return [
      ...(files.own[precision] === undefined ? [] : [own({ files, precision, photos, target })]),
      ...(precision === 'int8' ? [] : [torch('processes'), torch('threads')]),
      ...(precision === 'bf16'
        ? []
        : [
            peer('ONNX Runtime', 'onnx', precision, ONNX, 'onnxruntime_pipeline.py', [
              '--model',
              files.onnx[precision],
            ]),
          ]),
      peer(`OpenVINO, ${hint}`, 'openvino', precision, openvinoNeeds(precision), 'openvino_pipeline.py', [
        ...['--model', files.openvino[precision], '--hint', hint, '--precision', precision],
      ]),
    ];
  });
}

function own({ files, precision, photos, target }) {
  const args = cliArguments(photos.folder, files.own[precision], precision);
  return { name: 'vgg16 classify', group: 'own', precision, needs: [], run: () => timedRows('node', args, target) };
}

/**
 * The decoder alone, as many images at a time as `classify` decodes: `{ imagesPerSecond, cpuSecondsPerImage,
 * mainSecondsPerImage }`, the last of them on the main thread, of which there is only one.
 */
export function measureDecoder(photos, workers) {
  const args = [script('decode.mjs'), '--images', photos.folder, '--workers', `${workers}`];
  return jsonLine('node', args, { env: DECODER_ENV });
}

/** Seconds from the start of `vgg16 classify` to its first row. */
export async function measureFirstRow({ files, photos, folder }, precision) {
  const args = cliArguments(photos.folder, files.own[precision], precision);
  const { firstRow } = await timedRows('node', args, join(folder, 'results.csv'), { stopAfterFirst: true });
  return firstRow;
}

/** Seconds that `vgg16 --help` takes. */
export async function measureHelp() {
  const start = performance.now();
  await output('node', [CLI, '--help']);
  return (performance.now() - start) / 1000;
}

/** Quantises the model file `source` with the photographs of a folder. */
export function quantize(source, photos, target) {
  return output('node', [CLI, 'model', 'quantize', source, '--calibrate', photos, '-o', target]);
}

/** The everyday command, with the rows on standard output like the peers'. */
function cliArguments(folder, modelFile, precision) {
  return [CLI, 'classify', folder, '--model', modelFile, '--precision', precision, '--format', 'csv', '--no-progress'];
}
