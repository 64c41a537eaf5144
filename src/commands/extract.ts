import { BaseCommand } from '../cli/command/base-command.js';
import { extractOutputFlags, layerFlags } from '../cli/flags/extract.js';
import { inputArgs, inputFlags } from '../cli/flags/input.js';
import { imageFlags, modelFlags } from '../cli/flags/model.js';
import { outputFlags } from '../cli/flags/output.js';
import { runFlags } from '../cli/flags/run.js';
import { runSessionFlags } from '../cli/flags/session.js';

export default class Extract extends BaseCommand {
  static override summary = 'Write the activations of layers, such as the 4,096 numbers of fc7, one row an image.';

  static override description =
    `Rows come in the order of the inputs. In NPY and safetensors they are those of FILE.paths, and a failed image's row is
NaN; an NPY file can be read while it grows. With several layers NPY has a file for each: x.npy becomes x.fc6.npy and
x.fc7.npy. The network is computed only as far as the layers need.

A run that was ended in any way goes on with the same command and --resume.

Exit codes: 0 done, 1 unexpected, 2 usage, 3 some images failed, 4 no images, 5 the model, 130 Ctrl-C, 143 SIGTERM.`;

  static override examples = [
    '<%= config.bin %> <%= command.id %> photos/ -o fc7.npy',
    '<%= config.bin %> <%= command.id %> photos/ -o features.parquet --layer fc6 --layer pool5 --pool max --normalize l2',
    '<%= config.bin %> <%= command.id %> photos/ -o conv.npy --layer conv5_3 --pool none --dtype f16',
    '<%= config.bin %> <%= command.id %> photos/ -o fc7.npy --resume',
    '<%= config.bin %> <%= command.id %> photos/ --layer block5_pool --format jsonl',
  ];

  static override args = inputArgs;

  static override flags = {
    ...inputFlags,
    ...outputFlags,
    ...extractOutputFlags,
    ...modelFlags,
    ...imageFlags,
    ...layerFlags,
    ...runFlags,
    ...runSessionFlags,
  };

  async run(): Promise<void> {
    const { inputs, flags } = await this.read(Extract);
    (await import('../cli/run/warm-up.js')).warmUp(flags);
    const { runExtract } = await import('../cli/extract.js');
    process.exitCode = await runExtract(inputs, flags, this.context(flags));
  }
}
