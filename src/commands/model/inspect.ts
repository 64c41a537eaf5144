import { Args } from '@oclif/core';
import { BaseCommand } from '../../cli/command/base-command.js';
import { modelFlags } from '../../cli/flags/model.js';
import { jsonFlags, networkFlags } from '../../cli/flags/session.js';

export default class ModelInspect extends BaseCommand {
  static override summary = 'Show the layers of a model, and where it comes from.';
  static override description =
    'Lists each layer with its output shape, parameters and multiply-accumulates. Without MODEL: the plain VGG-16 of ' +
    'the paper for --num-classes classes. Exit code: 5 when the model is missing, damaged, or no VGG-16.';
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --num-classes 10',
    '<%= config.bin %> <%= command.id %> mini',
    '<%= config.bin %> <%= command.id %> weights.pth --json',
  ];
  static override args = {
    model: Args.string({
      name: 'MODEL',
      ignoreStdin: true,
      description: 'A name of vgg16 model list, mini, random, or a weight file.',
    }),
  };
  static override flags = {
    'num-classes': modelFlags['num-classes'],
    labels: modelFlags.labels,
    preset: modelFlags.preset,
    ...networkFlags,
    ...jsonFlags,
  };

  async run(): Promise<void> {
    const { args, flags } = await this.read(ModelInspect);
    const { runInspect } = await import('../../cli/model/inspect.js');
    process.exitCode = await runInspect(args.model as string | undefined, flags, this.context(flags));
  }
}
