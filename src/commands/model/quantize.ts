import { Args } from '@oclif/core';
import { BaseCommand } from '../../cli/command/base-command.js';
import { modelFlags } from '../../cli/flags/model.js';
import { outputFlags } from '../../cli/flags/output.js';
import { quantizeFlags } from '../../cli/flags/quantize.js';
import { jsonFlags } from '../../cli/flags/session.js';
import { filled, value } from '../../cli/flags/values.js';

export default class ModelQuantize extends BaseCommand {
  static override summary = 'Make an int8 model, a quarter of the size, and measure what that costs.';

  static override description =
    `Weights become int8 with a scale for each output channel, activations uint8 with a range for each layer, which is chosen
over the calibration images; the last layer stays in float32. Then the int8 network is compared with the float32 one on images
that it was not calibrated with. --precision int8 runs the file in int8 on processors with VNNI or AMX; any other command and
precision takes it like any model.

Exit codes: 0 done, 1 a full disk, 2 usage, 4 no images, 5 the model.`;

  static override examples = [
    '<%= config.bin %> <%= command.id %> imagenet --calibrate photos/ -o imagenet-int8.safetensors',
    '<%= config.bin %> classify photos/ -m imagenet-int8.safetensors --precision int8',
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
    output: value(filled('a file'), { char: 'o', helpValue: 'FILE', summary: 'Model file to write.' }),
    force: outputFlags.force,
    ...quantizeFlags,
    labels: modelFlags.labels,
    preset: modelFlags.preset,
    seed: modelFlags.seed,
    'num-classes': modelFlags['num-classes'],
    offline: modelFlags.offline,
    'weights-url': modelFlags['weights-url'],
    ...jsonFlags,
  };

  async run(): Promise<void> {
    const { args, flags } = await this.read(ModelQuantize);
    const { runQuantize } = await import('../../cli/model/quantize.js');
    process.exitCode = await runQuantize(args.model as string, flags, this.context(flags));
  }
}
