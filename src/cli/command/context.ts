/** What a command lends to the code that does its work: its words, its folders, its voice. */

import type { Style } from '../terminal/style.js';

export interface CommandContext {
  /** What was typed behind the command's name, for the record of the run. */
  readonly arguments: readonly string[];
  /** The folder of downloaded models. */
  readonly cacheDir: string;
  /** Colours of stdout. */
  readonly style: Style;
  /** Writes a line to stderr. */
  readonly say: (line: string) => void;
  /** Writes a line that explains or advises to stderr. */
  readonly notice: (message: string) => void;
}
