/** `vgg16 merge`: flags → options → service → an output and its record. */

import { join } from 'node:path';
import { ExitCode, usageError } from '../errors.js';
import { isFolder } from '../output/files/exists.js';
import { printable } from '../output/printable.js';
import { type RunRecord, runRecordPath, writeRunRecord } from '../output/store/run-record.js';

import { merge } from '../services/merge.js';
import type { RunCounts } from '../services/pipeline/run.js';
import { untilAborted } from '../stream.js';
import type { CommandContext } from './command/context.js';
import { checkDatasetFolder } from './output/dataset-folder.js';
import { STDOUT } from './output/options.js';
import { type ContinuationFlags, checkOutputFiles } from './output/stored.js';
import { type RunFacts, runRecord } from './run/record.js';
import { Interruption } from './run/signals.js';
import { printJson } from './terminal/print-json.js';
import { openProgress, progressStyle } from './terminal/progress.js';
import { formatCount } from './terminal/rate.js';

export interface MergeFlags extends Pick<ContinuationFlags, 'force' | 'resume'> {
  readonly output: string;
  readonly progress?: boolean | undefined;
  readonly json?: boolean | undefined;
  readonly quiet?: boolean | undefined;
}

export async function runMerge(
  parts: readonly string[],
  flags: MergeFlags,
  context: CommandContext,
): Promise<ExitCode> {
  const { output } = flags;
  if (parts.length === 0)
    throw usageError('Expected the parts to merge but received none.', 'Type vgg16 merge part-*.csv -o all.csv');
  if (output === STDOUT)
    throw usageError('Expected --output FILE for the merged rows but received none.', 'Add -o all.csv.');
  const isDataset = await isFolder(parts[0] as string);
  await (isDataset ? checkDatasetFolder(output, flags) : checkOutputFiles([output], flags));
  const progress = await openProgress(progressStyle(flags));
  const interruption = new Interruption(() => progress.around(() => context.say('Ending.')));
  const start = new Date();
  const startedAt = performance.now();
  let counts: Readonly<RunCounts> = { seen: 0, ok: 0, failed: 0, skipped: 0 };
  let format = '';
  let model: RunRecord['model'] = null;
  let done: { readonly changed: boolean; readonly list: string } | undefined;
  try {
    const events = merge({
      parts,
      output,
      force: flags.force === true,
      resume: flags.resume === true,
      signal: interruption.signal,
    });
    for await (const event of untilAborted(events, interruption.deadline)) {
      if (event.type === 'ready') {
        ({ format, model } = event);
        progress.start(event.total);
      } else if (event.type === 'rows') {
        counts = event.counts;
        progress.update(counts);
      } else {
        done = event;
      }
    }
  } finally {
    progress.stop();
    interruption.dispose();
  }
  const exitCode = interruption.exitCode ?? ExitCode.Ok;
  const seconds = (performance.now() - startedAt) / 1000;
  if (done === undefined) {
    context.say(`Interrupted (${interruption.signalName}): nothing was written; type the command again.`);
    // What goes on in the background, unpacking for one thing, would keep the process alive.
    if (interruption.deadline.aborted) interruption.endNow();
    return exitCode;
  }
  const facts: RunFacts = {
    command: 'merge',
    model,
    settings: { parts },
    output: { file: output, partial: null, format },
    counts,
    inputs: { total: counts.seen, sha256: done.list },
    start,
    end: new Date(),
    seconds,
    imagesPerSecond: 0,
    exitCode,
    results: undefined,
    failure: undefined,
  };
  const record = await runRecord(facts, context);
  await writeRunRecord(isDataset ? join(output, 'run.json') : runRecordPath(output), record);
  if (flags.json === true) printJson(record);
  if (flags.quiet !== true) {
    const failed = counts.failed === 0 ? '' : `, ${formatCount(counts.failed)} failed`;
    const rows = `${formatCount(counts.seen)} ${counts.seen === 1 ? 'row' : 'rows'}`;
    const from = `${parts.length} ${parts.length === 1 ? 'part' : 'parts'}`;
    context.say(
      done.changed
        ? `${rows} of ${from}${failed} → ${printable(output)}`
        : `Nothing to do: ${printable(output)} is complete (${rows}).`,
    );
  }
  return exitCode;
}
