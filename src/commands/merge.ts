import { Args } from '@oclif/core';
import { BaseCommand } from '../cli/command/base-command.js';
import { outputFlags } from '../cli/flags/output.js';
import { runSessionFlags } from '../cli/flags/session.js';

export default class Merge extends BaseCommand {
  static override summary = 'Join the outputs of shares (--shard) into what one run would have written.';

  static override description =
    `Takes files of one format, or datasets, in any order; each with the FILE.journal that lies beside it. Refuses parts of
which one is missing, unfinished, damaged or there twice, and parts made with different models or settings. Outputs that are
no shares are put one after the other.

Exit codes: 0 done, 1 unexpected, 2 usage, or parts that make no whole, 130 Ctrl-C, 143 SIGTERM.`;

  static override examples = [
    '<%= config.bin %> <%= command.id %> part-*.csv -o labels.csv',
    '<%= config.bin %> <%= command.id %> fc7-*.npy -o fc7.npy',
    '<%= config.bin %> <%= command.id %> dataset-*/ -o dataset/',
  ];

  static override args = {
    parts: Args.string({ name: 'PARTS', multiple: true, ignoreStdin: true, description: 'Files or datasets to join.' }),
  };

  static override flags = {
    output: outputFlags.output,
    resume: outputFlags.resume,
    force: outputFlags.force,
    progress: runSessionFlags.progress,
    json: runSessionFlags.json,
  };

  async run(): Promise<void> {
    const { args, flags } = await this.read(Merge);
    const { runMerge } = await import('../cli/merge.js');
    process.exitCode = await runMerge((args.parts ?? []) as string[], flags, this.context(flags));
  }
}
