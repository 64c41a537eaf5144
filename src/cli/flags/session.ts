/** How the program talks: in every command. */

import { FlagValueError, filled, group, toggle, value } from './values.js';

/** Every command has these. */
export const talkFlags = group('SESSION', {
  config: value(filled('a file'), {
    helpValue: 'FILE',
    summary: 'Defaults of flags from this file, which is trusted, in place of ./vgg16.config.json, which is not.',
  }),
  quiet: toggle({ char: 'q', summary: 'Say nothing on stderr but errors.' }),
  verbose: toggle({ char: 'v', summary: 'Say more on stderr: settings, timings, stack traces.' }),
  'no-color': toggle({ summary: 'No colours; the variable NO_COLOR does the same.' }),
  'cache-dir': value(filled('a folder'), {
    helpValue: 'DIR',
    summary: "Folder of downloaded models and the runtime; default: vgg16 in the user's cache folder.",
  }),
});

/** The address of a folder on the web. */
function webAddress(text: string): string {
  if (!/^https?:\/\/[^/]/i.test(text) || !URL.canParse(text))
    throw new FlagValueError('an http or https address', text);
  return text;
}

/** Commands that open a model have these: weights that are not in the cache are downloaded. */
export const networkFlags = group('SESSION', {
  offline: toggle({ summary: 'Never touch the network: weights that are not on this machine are an error.' }),
  'weights-url': value(webAddress, {
    helpValue: 'URL',
    summary: 'Mirror: folder on the web to download weights from, by the names of their files.',
  }),
});

/** Commands whose result can be one JSON object have this. */
export const jsonFlags = group('SESSION', {
  json: toggle({ summary: 'Print the result as one JSON object on stdout.' }),
});

/** Commands that stream images have these. */
export const runSessionFlags = group('SESSION', {
  progress: toggle({
    allowNo: true,
    summary: 'Progress on stderr: a bar on a terminal, else a line every 10 s. Default: on, unless --quiet.',
  }),
  json: toggle({
    summary: "Print the run's summary (as in OUTPUT.run.json) on stdout at the end; needs --output FILE.",
  }),
  'dry-run': toggle({ char: 'n', summary: 'List the images that would be processed, and stop.' }),
});
