import { Args } from '@oclif/core';
import { BaseCommand } from '../../cli/command/base-command.js';
import { compareFlags } from '../../cli/flags/benchmark.js';
import { jsonFlags } from '../../cli/flags/session.js';

export default class BenchmarkCompare extends BaseCommand {
  static override summary = 'Set two results of benchmark --json against each other, as ratios.';

  static override description =
    `Measurements of the same part, precision, batch size and threads are compared: both figures, and B's divided by A's. What
is in one file only is listed, and so is what differs between the machines, models and settings. With --min-ratio the exit code
is 6 where B gives fewer images a second than that many times A's, where B failed to measure what A did, and where nothing could
be compared.

Exit codes: 0 done, 2 usage or a file that is no result of benchmark, 6 below --min-ratio.`;

  static override examples = [
    '<%= config.bin %> <%= command.id %> before.json after.json',
    '<%= config.bin %> <%= command.id %> before.json after.json --min-ratio 0.95',
  ];

  static override args = {
    a: Args.string({ name: 'A', required: true, ignoreStdin: true, description: 'Results to compare with.' }),
    b: Args.string({ name: 'B', required: true, ignoreStdin: true, description: 'Results to compare.' }),
  };

  static override flags = { ...compareFlags, ...jsonFlags };

  async run(): Promise<void> {
    const { args, flags } = await this.read(BenchmarkCompare);
    const { runCompare } = await import('../../cli/benchmark/compare.js');
    process.exitCode = await runCompare(args.a as string, args.b as string, flags, this.context(flags));
  }
}
