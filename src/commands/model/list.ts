import { BaseCommand } from '../../cli/command/base-command.js';
import { jsonFlags, networkFlags } from '../../cli/flags/session.js';

export default class ModelList extends BaseCommand {
  static override summary = 'List the known weights: where they come from, how good they are, whether they are here.';
  static override description =
    'Size, hash and accuracy are those published; each name can be given to --model, and is downloaded then if it is ' +
    'not here. Nothing is downloaded by this command.';
  static override examples = ['<%= config.bin %> <%= command.id %>', '<%= config.bin %> <%= command.id %> --json'];
  static override flags = { 'weights-url': networkFlags['weights-url'], ...jsonFlags };

  async run(): Promise<void> {
    const { flags } = await this.read(ModelList);
    const { runList } = await import('../../cli/model/list.js');
    process.exitCode = await runList(flags, this.context(flags));
  }
}
