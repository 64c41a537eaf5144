/**
 * Writes a `state_dict` with torchvision's names as `torch.save` does: a zip of a pickle and one stored record for each
 * tensor (torch/serialization.py, `_save`). The card is one more record, which `torch.load` does not look at.
 */

import { Readable } from 'node:stream';
import { ZipFile } from 'yazl';
import { weightLayersOf } from '../../network/architecture.js';
import type { Model } from '../../network/card.js';
import { TORCH_LAYOUT } from '../../network/tensors.js';
import { TORCHVISION_MODULES } from '../../network/torch-modules.js';
import { elementCount } from '../../shape.js';
import { CARD_RECORD, cardMetadata } from '../card/metadata.js';
import { type LayerArrays, readLayer } from '../export/layer-weights.js';
import type { ExportDType, ExporterOptions } from '../export/options.js';
import { refuseOutputs } from '../export/refuse-outputs.js';
import { writeZip } from '../export/zip-file.js';
import { encode } from '../safetensors/write.js';

/** Root folder of the records; torch takes any. */
const ROOT = 'vgg16';

/** Of the same bytes for the same model: zip entries have a time, this is the least that the format knows. */
const TIME = { mtime: new Date(1980, 0, 1), mode: 0o100644, compress: false } as const;

const STORAGES: Readonly<Record<ExportDType, string>> = {
  f32: 'FloatStorage',
  f16: 'HalfStorage',
  bf16: 'BFloat16Storage',
};

interface Tensor {
  readonly name: string;
  readonly shape: readonly number[];
}

/** `torch.load(path)` gives an OrderedDict that `torchvision.models.vgg16().load_state_dict` takes. */
export async function exportPytorch(model: Model, path: string, options: ExporterOptions): Promise<void> {
  refuseOutputs('pytorch', model, options);
  const layers = weightLayersOf(model.card.architecture);
  const tensors = layers.flatMap(({ name, kernelShape }): Tensor[] => {
    const [input, output] = kernelShape.slice(-2) as [number, number];
    const module = TORCHVISION_MODULES.get(name);
    return [
      { name: `${module}.weight`, shape: [output, input, ...kernelShape.slice(0, -2)] },
      { name: `${module}.bias`, shape: [output] },
    ];
  });
  const zip = new ZipFile();
  const add = (name: string, content: Buffer) => zip.addBuffer(content, `${ROOT}/${name}`, TIME);
  add('data.pkl', pickle(tensors, STORAGES[options.dtype]));
  add('byteorder', Buffer.from('little'));
  add('version', Buffer.from('3\n'));
  add(CARD_RECORD, Buffer.from(JSON.stringify(cardMetadata(model.card))));
  const bytes = options.dtype === 'f32' ? 4 : 2;
  // One layer at a time: its two records come one after the other.
  let current: { readonly index: number; readonly values: Promise<LayerArrays> } | undefined;
  tensors.forEach(({ shape }, i) => {
    const size = elementCount(shape) * bytes;
    zip.addReadStreamLazy(`${ROOT}/data/${i}`, { ...TIME, size }, (give) => {
      const index = Math.floor(i / 2);
      if (current?.index !== index) {
        current = { index, values: readLayer(model, layers[index]?.name ?? '', TORCH_LAYOUT) };
      }
      current.values.then(
        ({ kernel, bias }) => give(null, Readable.from([encode(i % 2 === 0 ? kernel : bias, options.dtype)])),
        (error: unknown) => give(error, Readable.from([])),
      );
    });
  });
  await writeZip(zip, path, options.signal);
}

/** Protocol 2, whose opcodes are documented in Python's pickletools. */
function pickle(tensors: readonly Tensor[], storage: string): Buffer {
  const text = (value: string) => {
    const bytes = Buffer.from(value);
    const length = Buffer.alloc(4);
    length.writeUInt32LE(bytes.length);
    return Buffer.concat([Buffer.from('X'), length, bytes]); // BINUNICODE
  };
  const integer = (value: number) => {
    const bytes = Buffer.alloc(5);
    bytes.write('J', 'latin1'); // BININT
    bytes.writeInt32LE(value, 1);
    return bytes;
  };
  const tuple = (values: readonly number[]) =>
    Buffer.concat([Buffer.from('('), ...values.map(integer), Buffer.from('t')]);
  const code = (opcodes: string) => Buffer.from(opcodes, 'latin1');
  const parts: Buffer[] = [code('\x80\x02ccollections\nOrderedDict\n)R(')];
  tensors.forEach(({ name, shape }, i) => {
    const elements = elementCount(shape);
    const strides = shape.map((_, axis) => elementCount(shape.slice(axis + 1)));
    parts.push(
      text(name),
      code('ctorch._utils\n_rebuild_tensor_v2\n(('),
      text('storage'),
      code(`ctorch\n${storage}\n`),
      text(String(i)),
      text('cpu'),
      integer(elements),
      code('tQ'), // the tuple is the storage's persistent id
      integer(0),
      tuple(shape),
      tuple(strides),
      code('\x89ccollections\nOrderedDict\n)RtR'), // requires_grad, no hooks
    );
  });
  parts.push(code('u.'));
  return Buffer.concat(parts);
}
