import { Args } from '@oclif/core';
import { BaseCommand } from '../../cli/command/base-command.js';
import { jsonFlags, networkFlags, runSessionFlags } from '../../cli/flags/session.js';

export default class ModelPull extends BaseCommand {
  static override summary = 'Download known weights and keep them as a model of this tool.';

  static override description =
    `What was interrupted goes on where it stopped; the hash is checked as the bytes come; a second process waits for the
first. Proxies are taken from HTTPS_PROXY, HTTP_PROXY and NO_PROXY, a mirror from --weights-url. A sound file in
PyTorch's or Keras's own cache is taken instead of a download.

Exit codes: 0 done or here already, 1 a full disk, 2 usage, 5 the weights cannot be had, or are not what was published.`;

  static override examples = [
    '<%= config.bin %> <%= command.id %> imagenet',
    '<%= config.bin %> <%= command.id %> imagenet-keras --weights-url https://mirror.example.org/vgg16',
  ];

  static override args = {
    name: Args.string({
      name: 'NAME',
      required: true,
      ignoreStdin: true,
      description: 'A name of vgg16 model list.',
    }),
  };

  static override flags = { ...networkFlags, progress: runSessionFlags.progress, ...jsonFlags };

  async run(): Promise<void> {
    const { args, flags } = await this.read(ModelPull);
    const { runPull } = await import('../../cli/model/pull.js');
    process.exitCode = await runPull(args.name as string, flags, this.context(flags));
  }
}
