/** Contenders in turns, round by round, so that a machine that slows down slows all of them. */

import { summary } from './stats.mjs';

/** Figures of a round that the median is taken of, where a contender reports them. */
const FIGURES = {
  imagesPerSecond: 'rate',
  cpuSecondsPerImage: 'cpuSecondsPerImage',
  firstRow: 'firstRow',
  totalSeconds: 'totalSeconds',
  peakBytes: 'peakBytes',
  bytesPerSecond: 'bytesPerSecond',
};

/** Splits the contenders into those whose packages are there and the names of the others. */
export function present(contenders, peers) {
  const lacks = ({ needs }) => needs.filter((name) => peers[name] === undefined);
  return {
    there: contenders.filter((one) => lacks(one).length === 0),
    missing: contenders
      .filter((one) => lacks(one).length > 0)
      .map((one) => `${one.name} ${one.precision} (${lacks(one).join(', ')})`),
  };
}

/**
 * Every contender once a round, every other round backwards. A result is what describes the contender, the summary of each
 * figure that it reported, and its first answer.
 */
export async function takeTurns(contenders, rounds) {
  const measurements = new Map(contenders.map((one) => [one, []]));
  for (let round = 0; round < rounds; round++) {
    for (const one of round % 2 === 0 ? contenders : contenders.toReversed()) {
      const measured = await one.run();
      measurements.get(one).push(measured);
      progress(`round ${round + 1}: ${nameOf(one)}: ${shown(measured)}`);
    }
  }
  return [...measurements].map(([{ needs, run, ...described }, all]) => ({
    ...described,
    ...Object.fromEntries(
      Object.entries(FIGURES)
        .filter(([figure]) => all[0][figure] !== undefined)
        .map(([figure, key]) => [key, summary(all.map((one) => one[figure]))]),
    ),
    ...(all[0].answer === undefined ? {} : { answer: all[0].answer }),
  }));
}

export async function repeat(times, run) {
  const all = [];
  for (let i = 0; i < times; i++) all.push(await run());
  return all;
}

/** Talk goes to stderr: stdout is for the report. */
export function progress(line) {
  process.stderr.write(`${line}\n`);
}

function nameOf({ name, precision, batch, threads }) {
  const parts = [name, precision, batch && `batch ${batch}`, threads && counted(threads, 'thread')];
  return parts.filter((part) => part !== undefined).join(', ');
}

/** `1 thread`, `2 threads`. */
export function counted(count, noun) {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

function shown({ imagesPerSecond, bytesPerSecond }) {
  return imagesPerSecond === undefined
    ? `${(bytesPerSecond / 1e9).toFixed(1)} GB/s`
    : `${imagesPerSecond.toFixed(2)} img/s`;
}
