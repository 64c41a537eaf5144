import { BaseCommand } from '../cli/command/base-command.js';
import { classifyFlags, classifyOutputFlags } from '../cli/flags/classify.js';
import { inputArgs, inputFlags } from '../cli/flags/input.js';
import { imageFlags, modelFlags } from '../cli/flags/model.js';
import { outputFlags } from '../cli/flags/output.js';
import { runFlags } from '../cli/flags/run.js';
import { runSessionFlags } from '../cli/flags/session.js';

export default class Classify extends BaseCommand {
  static override summary = 'Label images: the most probable classes of each, one row an image.';

  static override description =
    `Rows come in the order of the inputs, one for each: an image that cannot be read has a row with its error,
and the exit code is then 3 (see --max-errors). Beside an output file a summary of the run is kept in FILE.run.json.

Every flag can also be set by a variable (--top-k: VGG16_TOP_K), in the file of --config and in the user's configuration
({"top-k": 3}); what is typed comes first. Without --config ./vgg16.config.json is read, which may only say how images are read
and rows are made: not where anything is written, and no model outside the folder.

Exit codes: 0 done, 1 unexpected, 2 usage, 3 some images failed, 4 no images, 5 the model, 130 Ctrl-C, 143 SIGTERM.`;

  static override examples = [
    '<%= config.bin %> <%= command.id %> photos/',
    '<%= config.bin %> <%= command.id %> photos/ -o labels.csv',
    '<%= config.bin %> <%= command.id %> "photos/**/*.png" --model mini --top-k 1 --format jsonl',
    'find photos -name "*.jpg" -print0 | <%= config.bin %> <%= command.id %> --files-from - -0 > labels.csv',
    '<%= config.bin %> <%= command.id %> photos/ -o part-$SLURM_ARRAY_TASK_ID.csv --shard auto',
  ];

  static override args = inputArgs;

  static override flags = {
    ...inputFlags,
    ...outputFlags,
    ...classifyOutputFlags,
    ...modelFlags,
    ...imageFlags,
    ...classifyFlags,
    ...runFlags,
    ...runSessionFlags,
  };

  async run(): Promise<void> {
    const { inputs, flags } = await this.read(Classify);
    (await import('../cli/run/warm-up.js')).warmUp(flags);
    const { runClassify } = await import('../cli/classify.js');
    process.exitCode = await runClassify(inputs, flags, this.context(flags));
  }
}
