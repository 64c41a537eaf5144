import { Args } from '@oclif/core';
import { BaseCommand } from '../../cli/command/base-command.js';
import { inputFlags } from '../../cli/flags/input.js';
import { imageFlags, modelFlags } from '../../cli/flags/model.js';
import { outputFlags } from '../../cli/flags/output.js';
import { runFlags } from '../../cli/flags/run.js';
import { runSessionFlags } from '../../cli/flags/session.js';
import { verifyFlags } from '../../cli/flags/verify.js';

export default class ModelVerify extends BaseCommand {
  static override summary = 'Check a model by itself, or compare it with another over images.';

  static override description =
    `By itself: its hash where one is published, whether all weights are finite, and its outputs where those of another
implementation are stored. With --against and images: a row an image with the largest and mean difference of the logits (of
pool5 where a model has no classifier) and whether the best classes agree, then a summary, and exit code 6 beyond --max-diff
or below --min-top1.

Exit codes: 0 passed, 2 usage, 3 some images failed, 4 no images, 5 the model, 6 not passed.`;

  static override examples = [
    '<%= config.bin %> <%= command.id %> imagenet',
    '<%= config.bin %> <%= command.id %> imagenet --against weights.onnx photos/',
    '<%= config.bin %> <%= command.id %> mini --against mini --against-precision bf16 --max-diff 0.05 --min-top1 99 photos/',
  ];

  static override args = {
    model: Args.string({
      name: 'MODEL',
      required: true,
      ignoreStdin: true,
      description: 'A known name or a weight file.',
    }),
    images: Args.string({ name: 'IMAGES', multiple: true, ignoreStdin: true, description: 'Files, folders, globs.' }),
  };

  static override flags = {
    ...inputFlags,
    output: outputFlags.output,
    force: outputFlags.force,
    'relative-to': outputFlags['relative-to'],
    absolute: outputFlags.absolute,
    labels: modelFlags.labels,
    preset: modelFlags.preset,
    seed: modelFlags.seed,
    'num-classes': modelFlags['num-classes'],
    offline: modelFlags.offline,
    'weights-url': modelFlags['weights-url'],
    ...imageFlags,
    ...verifyFlags,
    ...runFlags,
    ...runSessionFlags,
  };

  async run(): Promise<void> {
    const { args, flags } = await this.read(ModelVerify);
    const { runVerify } = await import('../../cli/model/verify.js');
    const images = (args.images ?? []) as string[];
    process.exitCode = await runVerify(
      args.model as string,
      images,
      { ...flags, model: args.model as string },
      this.context(flags),
    );
  }
}
