import { BaseCommand } from '../../cli/command/base-command.js';
import { benchmarkFlags } from '../../cli/flags/benchmark.js';
import { inputArgs, inputFlags } from '../../cli/flags/input.js';
import { jsonFlags, runSessionFlags } from '../../cli/flags/session.js';

export default class Benchmark extends BaseCommand {
  static override summary = 'Measure this machine: decoding, the network, and both together.';

  static override description =
    `Each part is measured with the code that classify runs, every combination of precision, batch size and threads in a
process of its own: images a second, the time of a batch (p50, p90, p99), the largest memory, start-up, CPU time an image, and
the share of what a large matrix product reaches in the same precision. Without images, synthetic photos are used; without
--model, the full-size network with random weights, which is as fast as any other. A measurement that fails is a row with its
error. Two results files are set against each other by benchmark compare.

Exit codes: 0 done, 1 unexpected, 2 usage, 3 some measurements failed, 4 no images, 5 the model, 130 Ctrl-C, 143 SIGTERM.`;

  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> photos/ --model imagenet --precision f32,bf16 --batch-size 1,16,64 -o today.json',
    '<%= config.bin %> <%= command.id %> --parts model --threads 1,2,4 --csv',
    '<%= config.bin %> <%= command.id %> --model mini --parts pipeline --runs 50 --json',
  ];

  static override args = inputArgs;

  static override flags = {
    'files-from': inputFlags['files-from'],
    null: inputFlags.null,
    recursive: inputFlags.recursive,
    ext: inputFlags.ext,
    exclude: inputFlags.exclude,
    'follow-symlinks': inputFlags['follow-symlinks'],
    limit: inputFlags.limit,
    ...benchmarkFlags,
    progress: runSessionFlags.progress,
    ...jsonFlags,
  };

  async run(): Promise<void> {
    const { inputs, flags } = await this.read(Benchmark);
    const { runBenchmark } = await import('../../cli/benchmark/index.js');
    process.exitCode = await runBenchmark(inputs, flags, this.context(flags));
  }
}
