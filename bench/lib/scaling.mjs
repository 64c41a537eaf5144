/** How speed grows with threads, memory with the batch, and how fast memory is. */

import { openvino, own, script } from './contenders.mjs';
import { jsonLine } from './process.mjs';
import { present, progress, takeTurns } from './turns.mjs';

/** Batches whose memory is measured. */
const MEMORY_BATCHES = [1, 4, 16, 64];

/** Seconds of a measurement of bandwidth. */
const BANDWIDTH_SECONDS = 2;

/** `{ threads, memory, bandwidth, missing }`, lists of results of `takeTurns`. */
export async function measureScaling({ machine, files, precisions, peers, includes }, { batch, seconds, rounds }) {
  const counts = threadCounts(machine.threads);
  const measured = precisions.filter((precision) => files.own[precision] !== undefined);
  const contenders = measured.flatMap((precision) =>
    counts.flatMap((threads) => [
      own({ files, precision, batch, threads, seconds }),
      openvino({ files, precision, hint: 'throughput', batch, threads, seconds }),
    ]),
  );
  progress('scaling: threads');
  const { there, missing } = present(contenders.filter(includes), peers);
  const threads = await takeTurns(there, rounds);

  progress('scaling: memory');
  // Peaks hardly differ from run to run, and need no clock.
  const sizes = measured.flatMap((precision) =>
    MEMORY_BATCHES.map((size) => own({ files, precision, batch: size, threads: machine.threads, seconds: 0 })),
  );
  const memory = await takeTurns(sizes, 1);

  progress('scaling: bandwidth');
  const bandwidth = await takeTurns(
    [...new Set([1, machine.threads])].map((count) => ({
      name: 'memory',
      threads: count,
      needs: [],
      run: () =>
        jsonLine('node', [script('bandwidth.mjs'), '--threads', `${count}`, '--seconds', `${BANDWIDTH_SECONDS}`]),
    })),
    rounds,
  );
  return { threads, memory, bandwidth, missing };
}

/** 1, 2, 4 … and all. */
export function threadCounts(all) {
  const powers = Array.from({ length: Math.floor(Math.log2(all)) + 1 }, (_, i) => 2 ** i);
  return [...new Set([...powers, all])];
}
