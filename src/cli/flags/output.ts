/** Where rows go and how they look: shared by every command that writes rows. */

import { filled, group, toggle, value } from './values.js';

/** Names of stdout in the file system (Linux: proc(5), stdout(3)). A file behind one is the shell's, not the tool's to replace. */
const STDOUT_NAMES: ReadonlySet<string> = new Set(['/dev/stdout', '/dev/fd/1', '/proc/self/fd/1']);

const parseOutput = filled('a file, or - for stdout');

export const outputFlags = group('OUTPUT', {
  output: value((text) => (STDOUT_NAMES.has(text) ? '-' : parseOutput(text)), {
    char: 'o',
    helpValue: 'FILE|-',
    default: '-',
    summary: 'File to write, or - for stdout; a summary of the run goes beside a file, to FILE.run.json.',
  }),
  resume: toggle({
    summary: 'Go on with the output of an earlier run: rows of images that are still the same are kept.',
    exclusive: ['force'],
  }),
  'retry-failed': toggle({
    summary: 'Like --resume, and try the images again that failed; their rows are replaced.',
    exclusive: ['force'],
  }),
  force: toggle({ char: 'f', summary: 'Replace an output file that exists.' }),
  'relative-to': value(filled('a folder'), {
    helpValue: 'DIR',
    summary: 'Folder that the paths in rows are relative to; default: the current one.',
    exclusive: ['absolute'],
  }),
  absolute: toggle({ summary: 'Absolute paths in rows.', exclusive: ['relative-to'] }),
});
