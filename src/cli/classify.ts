/** `vgg16 classify`: flags → options → service → rows. */

import { type ExitCode, usageError } from '../errors.js';
import type { ModelCard } from '../model/card.js';
import { checkOutput } from '../output/atomic.js';
import { classifyCsv, classifyLongCsv } from '../output/csv.js';
import type { RowEncoder, RowFormat, Scores } from '../output/encoder.js';
import { classifyJsonl } from '../output/jsonl.js';
import type { ClassifyRow } from '../output/records.js';
import { classifyTable } from '../output/table.js';
import { classify } from '../services/classify.js';
import { describeMachine } from '../services/machine.js';
import type { MaxErrors } from '../services/run.js';
import { listInputs } from './dry-run.js';
import { type InputFlags, openInputs } from './inputs.js';
import { type ModelFlags, openOptions } from './model-options.js';
import { formatOf, openSink, STDOUT } from './output-options.js';
import { openProgress, type ProgressStyle } from './progress.js';
import { Interruption } from './signals.js';
import { streamRun } from './stream-run.js';
import type { Style } from './style.js';

export interface ClassifyFlags extends InputFlags, ModelFlags {
  readonly output: string;
  readonly force?: boolean | undefined;
  readonly format?: RowFormat | undefined;
  readonly 'top-k': number;
  readonly threshold: number;
  readonly scores: Scores;
  readonly long?: boolean | undefined;
  readonly 'auto-orient': boolean;
  readonly decode: 'exact' | 'fast';
  readonly 'batch-size': number | 'auto';
  readonly workers: number | 'auto';
  readonly threads: number | 'auto';
  readonly precision: 'f32' | 'bf16' | 'auto';
  readonly 'max-pixels': number;
  readonly 'on-error': 'skip' | 'fail';
  readonly 'max-errors': MaxErrors;
  readonly progress?: boolean | undefined;
  readonly json?: boolean | undefined;
  readonly 'dry-run'?: boolean | undefined;
  readonly quiet?: boolean | undefined;
  readonly verbose?: boolean | undefined;
}

/** What a command lends to its run. */
export interface Session {
  readonly arguments: readonly string[];
  readonly cacheDir: string;
  /** Colours of stdout. */
  readonly style: Style;
  readonly say: (line: string) => void;
  readonly notice: (message: string) => void;
}

/** Columns of a table that is not on a terminal. */
const PLAIN_TABLE_WIDTH = 120;

export async function runClassify(
  inputs: readonly string[],
  flags: ClassifyFlags,
  session: Session,
): Promise<ExitCode> {
  const onTerminal = flags.output === STDOUT && process.stdout.isTTY === true;
  const format = formatOf(flags.format, flags.output, onTerminal);
  checkCombinations(flags, format);
  if (flags.output !== STDOUT) await checkOutput(flags.output, { force: flags.force === true });
  const images = await openInputs(inputs, flags);
  const interruption = new Interruption((name) => {
    const how = name === 'SIGINT' ? 'Finishing the batch in flight; Ctrl-C again ends at once.' : 'Ending (SIGTERM).';
    progress.around(() => session.say(how));
  });
  const progress = await openProgress(progressStyle(flags));
  try {
    if (flags['dry-run'] === true) return await listInputs(images, flags.quiet === true, interruption, session);
    const open = await openOptions(flags, session.cacheDir);
    const sink = await openSink(flags.output, flags.force === true, () => interruption.stop());
    const exitCode = await streamRun<ClassifyRow>({
      command: 'classify',
      arguments: session.arguments,
      images,
      events: classify({
        images,
        model: flags.model,
        open,
        topK: flags['top-k'],
        threshold: flags.threshold,
        batchSize: flags['batch-size'],
        workers: flags.workers,
        threads: flags.threads,
        precision: flags.precision,
        maxPixels: flags['max-pixels'],
        autoOrient: flags['auto-orient'],
        decode: flags.decode,
        stopOnError: flags['on-error'] === 'fail',
        signal: interruption.signal,
      }),
      encoder: (card) => encoderFor(format, card, flags, session),
      output: { file: flags.output, format, sink },
      maxErrors: flags['max-errors'],
      stopOnError: flags['on-error'] === 'fail',
      tellFailures: !onTerminal && flags['on-error'] === 'skip',
      json: flags.json === true,
      quiet: flags.quiet === true,
      verbose: flags.verbose === true,
      progress,
      interruption,
      machine: describeMachine,
      say: session.say,
      notice: session.notice,
    });
    if (interruption.deadline.aborted) interruption.endNow();
    return exitCode;
  } finally {
    interruption.dispose();
    // A pipe that nobody writes to any more would keep the process alive.
    if (flags['files-from'] === STDOUT) process.stdin.destroy();
  }
}

function checkCombinations(flags: ClassifyFlags, format: RowFormat): void {
  if (flags.json === true && flags.output === STDOUT) {
    throw usageError(
      'Expected --output FILE with --json, which prints the summary of the run on stdout.',
      'Add -o FILE.',
    );
  }
  if (flags.json === true && flags['dry-run'] === true) {
    throw usageError('Expected --json or --dry-run but received both: a run that is not made has no summary.');
  }
  if (flags.long === true && format === 'jsonl') {
    throw usageError(
      'Expected --format csv or table with --long but the format is jsonl, whose rows hold all classes.',
    );
  }
}

function progressStyle(flags: ClassifyFlags): ProgressStyle {
  if (!(flags.progress ?? flags.quiet !== true) || flags['dry-run'] === true) return 'none';
  return process.stderr.isTTY === true ? 'bar' : 'lines';
}

function encoderFor(
  format: RowFormat,
  card: ModelCard,
  flags: ClassifyFlags,
  session: Session,
): RowEncoder<ClassifyRow> {
  const { scores } = flags;
  const long = flags.long === true;
  const classes = card.architecture.classifier?.classes ?? 0;
  const topK = Math.min(flags['top-k'], classes);
  if (topK < flags['top-k'] && flags.quiet !== true) {
    session.notice(`${card.name} has ${classes} classes: rows have ${topK} instead of ${flags['top-k']}.`);
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
      return classifyTable({ width, scores, long, labels: card.labels, paint: session.style });
    }
  }
}
