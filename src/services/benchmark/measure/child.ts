/**
 * The measuring process: TensorFlow reads its settings once a process, and the peak of memory is a process's. Takes one
 * job, answers, and is ended by its parent.
 */

import { RunError } from '../../../errors.js';
import type { Measured } from '../report/report.js';
import { epochMs, type JobError, type JobMessage, type JobReply } from './jobs.js';

function reply(message: JobReply): void {
  process.send?.(message);
}

// Without its parent nobody waits for the answer; a network in the middle of a batch holds up any gentler end.
process.once('disconnect', () => process.kill(process.pid, 'SIGKILL'));

// A terminal sends Ctrl-C to both processes: the parent decides, or an end that it asked for would look like a failure.
process.on('SIGINT', () => {});

process.once('message', async ({ job, started }: JobMessage) => {
  const onBatch = () => reply({ type: 'batch' });
  const sinceStart = () => (epochMs() - started) / 1000;
  const measured = (result: Measured) => reply({ type: 'measured', measured: result });
  try {
    switch (job.kind) {
      case 'decode':
      case 'preprocess':
        measured(await (await import('./decode.js')).measureDecode(job, onBatch));
        break;
      case 'model':
        measured(await (await import('./model.js')).measureModel(job, onBatch, sinceStart));
        break;
      case 'pipeline':
        measured(await (await import('./pipeline.js')).measurePipeline(job, onBatch, sinceStart));
        break;
      case 'peak':
        reply({ type: 'peak', peak: (await import('../../../engine/peak-rate.js')).measurePeak(job) });
    }
  } catch (error) {
    reply({ type: 'failed', error: plain(error) });
  }
});

function plain(error: unknown): JobError {
  if (error instanceof RunError) return { code: error.code, message: error.message, exitCode: error.exitCode };
  return { code: 'INTERNAL', message: error instanceof Error ? error.message : String(error), exitCode: 1 };
}
