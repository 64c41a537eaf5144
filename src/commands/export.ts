import { BaseCommand } from '../cli/command/base-command.js';
import { exportFlags, exportOutputFlags } from '../cli/flags/export.js';
import { layerFlags } from '../cli/flags/extract.js';
import { inputArgs, inputFlags } from '../cli/flags/input.js';
import { imageFlags, modelFlags } from '../cli/flags/model.js';
import { runFlags } from '../cli/flags/run.js';
import { runSessionFlags } from '../cli/flags/session.js';

export default class Export extends BaseCommand {
  static override summary = 'Write a dataset in one pass: labels, activations and what is known of each image.';

  static override description =
    `DIR/rows holds a table with a row an image, DIR/fc7 (a folder a layer) the activations of the same rows as NPY, in parts
of --shard-rows rows; DIR/manifest.json says what all of it is. Each part appears when it is complete.

A run that was ended in any way goes on with the same command and --resume.

Exit codes: 0 done, 1 unexpected, 2 usage, 3 some images failed, 4 no images, 5 the model, 130 Ctrl-C, 143 SIGTERM.`;

  static override examples = [
    '<%= config.bin %> <%= command.id %> photos/ -o dataset/',
    '<%= config.bin %> <%= command.id %> photos/ -o dataset/ --embeddings parquet --layer fc7 --normalize l2 --dtype f16',
    '<%= config.bin %> <%= command.id %> photos/ -o dataset/ --format csv --embeddings none --top-k 1',
    '<%= config.bin %> <%= command.id %> photos/ -o dataset/ --resume',
  ];

  static override args = inputArgs;

  static override flags = {
    ...inputFlags,
    ...exportOutputFlags,
    ...modelFlags,
    ...imageFlags,
    ...exportFlags,
    ...layerFlags,
    ...runFlags,
    ...runSessionFlags,
  };

  async run(): Promise<void> {
    const { inputs, flags } = await this.read(Export);
    (await import('../cli/run/warm-up.js')).warmUp(flags);
    const { runExport } = await import('../cli/export.js');
    process.exitCode = await runExport(inputs, flags, this.context(flags));
  }
}
