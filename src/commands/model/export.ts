import { Args } from '@oclif/core';
import { BaseCommand } from '../../cli/command/base-command.js';
import { modelFlags } from '../../cli/flags/model.js';
import { exportModelFlags } from '../../cli/flags/model-export.js';
import { outputFlags } from '../../cli/flags/output.js';
import { jsonFlags } from '../../cli/flags/session.js';
import { filled, value } from '../../cli/flags/values.js';

export default class ModelExport extends BaseCommand {
  static override summary = 'Write a model as SavedModel, ONNX, safetensors, PyTorch, tfjs or Keras.';

  static override description =
    `Weights are written as they were trained; labels and preprocessing go along in each format's own place, and a model that was
exported can be read here again. --verify runs what was written in a runtime of its own format where there is one here
(ONNX Runtime, TensorFlow, tfjs), else reads it back, and compares.

Exit codes: 0 done, 1 a full disk, 2 usage, 5 the model, 6 --verify found larger differences than --max-diff.`;

  static override examples = [
    '<%= config.bin %> <%= command.id %> imagenet -o vgg16.onnx --outputs fc7,logits',
    '<%= config.bin %> <%= command.id %> weights.h5 -o weights.pth',
    '<%= config.bin %> <%= command.id %> mini --format savedmodel -o serving/1 --verify photos/',
  ];

  static override args = {
    model: Args.string({
      name: 'MODEL',
      required: true,
      ignoreStdin: true,
      description: 'A known name or a weight file.',
    }),
  };

  static override flags = {
    output: value(filled('a file or a folder'), {
      char: 'o',
      helpValue: 'PATH',
      summary: 'File to write, or folder for savedmodel and tfjs.',
    }),
    force: outputFlags.force,
    ...exportModelFlags,
    labels: modelFlags.labels,
    preset: modelFlags.preset,
    seed: modelFlags.seed,
    'num-classes': modelFlags['num-classes'],
    offline: modelFlags.offline,
    'weights-url': modelFlags['weights-url'],
    ...jsonFlags,
  };

  async run(): Promise<void> {
    const { args, flags } = await this.read(ModelExport);
    const { runExportModel } = await import('../../cli/model/export.js');
    process.exitCode = await runExportModel(args.model as string, flags, this.context(flags));
  }
}
