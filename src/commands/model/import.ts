import { Args } from '@oclif/core';
import { BaseCommand } from '../../cli/command/base-command.js';
import { modelFlags } from '../../cli/flags/model.js';
import { outputFlags } from '../../cli/flags/output.js';
import { jsonFlags, networkFlags } from '../../cli/flags/session.js';
import { filled, value } from '../../cli/flags/values.js';

export default class ModelImport extends BaseCommand {
  static override summary = 'Read a weight file of any framework and keep it as a model of this tool.';

  static override description =
    `Takes PyTorch, safetensors, Keras, ONNX, tfjs, Caffe and SavedModel; recognised by content, not by name. The result
holds weights, labels and preprocessing in one file, and opens fastest. --model takes such files directly, too.

Exit codes: 0 done, 1 a full disk, 2 usage, 5 the file is missing, damaged, or no VGG-16.`;

  static override examples = [
    '<%= config.bin %> <%= command.id %> vgg16-397923af.pth',
    '<%= config.bin %> <%= command.id %> flowers.h5 --preset keras --labels flowers.txt --name flowers',
    '<%= config.bin %> <%= command.id %> model.onnx -o model.safetensors',
  ];

  static override args = {
    file: Args.string({
      name: 'FILE',
      required: true,
      ignoreStdin: true,
      description: 'A weight file, or its folder.',
    }),
  };

  static override flags = {
    name: value(filled('a name'), {
      helpValue: 'NAME',
      summary: "By which --model finds it in the cache; default: the file's.",
    }),
    output: value(filled('a file'), {
      char: 'o',
      helpValue: 'FILE',
      summary: 'File to write instead of one in the cache.',
    }),
    force: outputFlags.force,
    labels: modelFlags.labels,
    preset: modelFlags.preset,
    ...networkFlags,
    ...jsonFlags,
  };

  async run(): Promise<void> {
    const { args, flags } = await this.read(ModelImport);
    const { runImportModel } = await import('../../cli/model/import.js');
    process.exitCode = await runImportModel(args.file as string, flags, this.context(flags));
  }
}
