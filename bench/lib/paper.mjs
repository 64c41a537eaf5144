/**
 * What more cores should give, on paper, from figures measured on this machine. Pure functions; times are seconds an image.
 *
 * A model's time on n threads is `serial + parallel / n` (Amdahl), fitted to the measured ones; decoding costs CPU time that
 * spreads over the cores; the main thread, which gathers pixels and rows, is one thread however many there are; and each
 * image moves its share of the weights and its activations through memory.
 */

import { layersOf, vgg16, weightLayersOf } from '../../dist/network/architecture.js';
import { median, summary } from './stats.mjs';

/** Core counts to ask for. */
export const PAPER_CORES = [16, 64];

/** Of a number in each precision. */
const BYTES = { f32: 4, bf16: 2, int8: 1 };

/** Least squares of `1 / rate = serial + parallel / threads`, neither below 0; `points` are `[threads, rate]`, two or more. */
export function fitAmdahl(points) {
  const xy = points.map(([threads, rate]) => [1 / threads, 1 / rate]);
  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [mx, my] = [mean(xy.map(([x]) => x)), mean(xy.map(([, y]) => y))];
  const slope =
    xy.reduce((sum, [x, y]) => sum + (x - mx) * (y - my), 0) / xy.reduce((sum, [x]) => sum + (x - mx) ** 2, 0);
  const serial = my - slope * mx;
  if (serial >= 0) return { serial, parallel: Math.max(0, slope) };
  // More than proportional growth is noise: the best line through the origin.
  const parallel = xy.reduce((sum, [x, y]) => sum + x * y, 0) / xy.reduce((sum, [x]) => sum + x * x, 0);
  return { serial: 0, parallel };
}

/** Bytes through memory for an image: the batch's share of the weights, each activation written once and read once. */
export function bytesPerImage(precision, batch) {
  const network = vgg16();
  const weights = weightLayersOf(network).reduce((sum, { parameters }) => sum + parameters, 0);
  const activations = layersOf(network).reduce((sum, { outputShape }) => sum + outputShape.reduce((a, b) => a * b), 0);
  return BYTES[precision] * (weights / batch + 2 * activations);
}

/** Images a second of the model and of the pipeline on `cores` cores, what memory must give, and what takes the rest. */
export function project({ serial, parallel }, { decodeCpu, mainThread, bytes, bandwidth }, cores) {
  const model = 1 / (serial + parallel / cores);
  const shared = 1 / (serial + (parallel + decodeCpu) / cores);
  const pipeline = Math.min(shared, 1 / mainThread);
  const ideal = cores / (serial + parallel + decodeCpu);
  return { model, pipeline, share: pipeline / ideal, traffic: pipeline * bytes, stop: stopOf() };

  function stopOf() {
    const part = serial * shared;
    const reasons = [
      ...(pipeline < shared ? [`the main thread, ${(mainThread * 1000).toFixed(1)} ms an image`] : []),
      ...(pipeline * bytes > bandwidth ? ['memory, unless it is faster than here'] : []),
      ...(pipeline === shared && part >= SMALL
        ? [`the model's serial part, ${(100 * part).toFixed(0)} % of the time`]
        : []),
    ];
    return reasons.length === 0 ? 'nothing yet' : reasons.join('; ');
  }
}

/** Share of the time below which a serial part is not worth a word. */
const SMALL = 0.05;

/**
 * A row for each precision and each count of cores: the projection of every round, as `{ model, pipeline, share, traffic }`
 * summaries, and `stop` of the median round. `undefined` where the scaling says nothing: on one thread.
 */
export function onPaper({ machine, scaling, decoder }) {
  const own = scaling.threads.filter(({ group }) => group === 'own');
  if (new Set(own.map(({ threads }) => threads)).size < 2) return undefined;
  const bandwidth = Math.max(...scaling.bandwidth.map(({ bytesPerSecond }) => bytesPerSecond.median));
  return [...new Set(own.map(({ precision }) => precision))].flatMap((precision) => {
    const curve = own.filter((one) => one.precision === precision);
    const costs = {
      decodeCpu: decoder.cpuSecondsPerImage.median,
      mainThread: decoder.mainSecondsPerImage.median,
      bytes: bytesPerImage(precision, curve[0].batch),
      bandwidth,
    };
    const fits = curve[0].rate.rounds.map((_, round) =>
      fitAmdahl(curve.map((one) => [one.threads, one.rate.rounds[round]])),
    );
    return [...new Set([machine.threads, ...PAPER_CORES])].map((cores) => {
      const rounds = fits.map((fit) => project(fit, costs, cores));
      const middle = median(rounds.map(({ pipeline }) => pipeline));
      const nearest = rounds.reduce((a, b) => (Math.abs(b.pipeline - middle) < Math.abs(a.pipeline - middle) ? b : a));
      const figures = ['model', 'pipeline', 'share', 'traffic'].map((key) => [
        key,
        summary(rounds.map((one) => one[key])),
      ]);
      return { precision, cores, ...Object.fromEntries(figures), stop: nearest.stop };
    });
  });
}
