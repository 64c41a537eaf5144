/** `vgg16 classify`: flags → options → service → rows. */

import { type ExitCode, usageError } from '../errors.js';
import type { ModelCard } from '../network/card.js';
import { classifyCsv, classifyLongCsv } from '../output/rows/csv.js';
import type { RowEncoder, RowFormat, Scores } from '../output/rows/encoder.js';
import { classifyJsonl } from '../output/rows/jsonl.js';
import type { ClassifiedRow, ClassifyRow } from '../output/rows/records.js';
import { classifyTable } from '../output/rows/table.js';
import { layoutOf } from '../output/store/formats.js';
import { textLayout } from '../output/store/layout.js';
import { classify } from '../services/classify.js';
import type { CommandContext } from './command/context.js';
import { rowOutput, textFormat } from './output/file.js';
import { formatOf, STDOUT } from './output/options.js';
import type { RunOutput } from './output/run-output.js';
import { checkOutputFiles, continues } from './output/stored.js';
import { type ImageRunFlags, runImages } from './run/image-run.js';

export interface ClassifyFlags extends ImageRunFlags {
  readonly format?: RowFormat | undefined;
  readonly 'top-k': number;
  readonly threshold: number;
  readonly scores: Scores;
  readonly long?: boolean | undefined;
}

/** Columns of a table that is not on a terminal. */
const PLAIN_TABLE_WIDTH = 120;

export async function runClassify(
  inputs: readonly string[],
  flags: ClassifyFlags,
  context: CommandContext,
): Promise<ExitCode> {
  const onTerminal = flags.output === STDOUT && process.stdout.isTTY === true;
  const format = formatOf(flags.format, flags.output, onTerminal);
  if (flags.long === true && format === 'jsonl') {
    throw usageError(
      'Expected --format csv or table with --long but the format is jsonl, whose rows hold all classes.',
    );
  }
  if (format === 'table' && continues(flags)) {
    throw usageError('Expected --format csv or jsonl with --resume but a table is for people.', 'Add --format csv.');
  }
  if (flags.output !== STDOUT) await checkOutputFiles([flags.output], flags);
  return runImages<ClassifiedRow>({
    command: 'classify',
    inputs,
    flags,
    context,
    onTerminal,
    output: (onClosed) => openOutput(format, flags, context, onClosed),
    events: (options) => classify({ ...options, topK: flags['top-k'], threshold: flags.threshold }),
  });
}

function openOutput(
  format: RowFormat,
  flags: ClassifyFlags,
  context: CommandContext,
  onClosed: () => void,
): Promise<RunOutput<ClassifiedRow>> {
  const encoder = (card: ModelCard) => encoderFor(format, card, flags, context);
  return rowOutput<ClassifiedRow>({
    command: 'classify',
    format,
    flags,
    encoder,
    formatFor: (card, target) => {
      const layout = format === 'table' ? textLayout(target, format) : layoutOf(format, target, []);
      return textFormat(layout, encoder(card));
    },
    settings: {
      'top-k': flags['top-k'],
      threshold: flags.threshold,
      scores: flags.scores,
      long: flags.long === true,
    },
    onClosed,
  });
}

function encoderFor(
  format: RowFormat,
  card: ModelCard,
  flags: ClassifyFlags,
  context: CommandContext,
): RowEncoder<ClassifyRow> {
  const { scores } = flags;
  const long = flags.long === true;
  const classes = card.architecture.classifier?.classes ?? 0;
  const topK = Math.min(flags['top-k'], classes);
  if (topK < flags['top-k'] && flags.quiet !== true) {
    context.notice(`${card.name} has ${classes} classes: rows have ${topK} instead of ${flags['top-k']}.`);
  }
  switch (format) {
    case 'csv':
      return long ? classifyLongCsv({ scores }) : classifyCsv({ topK, scores });
    case 'jsonl':
      return classifyJsonl({ scores });
    case 'table': {
      // A terminal that does not know its size says 0 columns.
      const columns = flags.output === STDOUT ? process.stdout.columns : undefined;
      const width = columns || PLAIN_TABLE_WIDTH;
      return classifyTable({ width, scores, long, labels: card.labels, paint: context.style });
    }
  }
}
