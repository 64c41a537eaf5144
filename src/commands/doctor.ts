import { BaseCommand } from '../cli/command/base-command.js';
import { jsonFlags } from '../cli/flags/session.js';

export default class Doctor extends BaseCommand {
  static override summary = 'Show what this tool runs on, what is wrong and what to type.';
  static override description =
    'Loads TensorFlow and sharp and shows their versions, the processor, the threads and the cache. ' +
    'Exit code: 0 when all is well, 5 when TensorFlow does not run, 1 for any other problem.';
  static override examples = ['<%= config.bin %> <%= command.id %>', '<%= config.bin %> <%= command.id %> --json'];
  static override flags = jsonFlags;

  async run(): Promise<void> {
    const { flags } = await this.read(Doctor);
    const { runDoctor } = await import('../cli/doctor.js');
    process.exitCode = await runDoctor(flags, this.context(flags));
  }
}
