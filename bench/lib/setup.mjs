/** What every part of the benchmark runs on: the machine, who takes part, and the files of the network in every format. */

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { vgg16 } from '../../dist/network/architecture.js';
import { resolveSettings } from '../../dist/services/pipeline/settings.js';
import { script } from './contenders.mjs';
import { bf16Unit, machine as describeMachine, int8Unit, peerVersions, python } from './machine.mjs';
import { fillFolder, photoFolder } from './photos.mjs';
import { quantize } from './pipelines.mjs';
import { output } from './process.mjs';
import { writeRandomModel } from './random.mjs';
import { progress } from './turns.mjs';

/** Photographs that int8 is calibrated with; as many as contenders/prepare.py takes. */
const CALIBRATION_PHOTOS = 32;

/**
 * Describes the machine and fills `folder` with the network and the photographs. `int8` asks for the peers' int8 where the
 * CPU has no instructions for it; this tool's takes part only where it has.
 */
export async function setUp({ folder, images, photoCount, int8 }) {
  const machine = await describeMachine();
  const peers = await peerVersions();
  const automatic = { batchSize: 'auto', workers: 'auto', threads: 'auto', precision: 'f32' };
  const { batchSize, workers } = resolveSettings(automatic, vgg16(), machine.features);
  const precisions = [
    'f32',
    ...(bf16Unit(machine) === undefined ? [] : ['bf16']),
    ...(int8 || int8Unit(machine) !== undefined ? ['int8'] : []),
  ];

  progress('writing the network');
  const source = photoFolder(images);
  const photos = { source, count: photoCount, folder: join(folder, 'photos') };
  await fillFolder(source, photos.folder, photoCount);
  const model = join(folder, 'vgg16.safetensors');
  await writeRandomModel(model);
  const own = { f32: model, bf16: model };
  if (precisions.includes('int8')) {
    const calibration = join(folder, 'calibration');
    await fillFolder(source, calibration, CALIBRATION_PHOTOS);
    if (int8Unit(machine) !== undefined && hasQuantize()) {
      own.int8 = join(folder, 'vgg16-int8-own.safetensors');
      await quantize(model, calibration, own.int8);
    }
  }
  const file = (name) => join(folder, name);
  const files = {
    own,
    onnx: { f32: file('vgg16.onnx'), int8: file('vgg16-int8.onnx') },
    openvino: { f32: file('vgg16.xml'), bf16: file('vgg16.xml'), int8: file('vgg16-int8.xml') },
  };
  if (peers.onnx !== undefined && peers.safetensors !== undefined) {
    const quantized = precisions.includes('int8') ? ['--int8', '--images', file('calibration')] : [];
    await output(python(), [script('prepare.py'), '--model', model, '--folder', folder, ...quantized]);
  }
  return { machine, peers, batchSize, workers, precisions, photos, files, folder };
}

function hasQuantize() {
  const manifest = new URL('../../.oclif.manifest.json', import.meta.url);
  return existsSync(manifest) && JSON.parse(readFileSync(manifest, 'utf8')).commands['model:quantize'] !== undefined;
}
