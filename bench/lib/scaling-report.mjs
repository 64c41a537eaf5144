/** The part of the report about threads, memory and more cores than were there. */

import { bytesPerImage, onPaper } from './paper.mjs';
import { figure, markdownTable, withSpread } from './table.mjs';
import { counted } from './turns.mjs';

export function scalingSections(results) {
  return [
    ...['### Threads', threadsTable(results.scaling.threads)],
    ...['### Memory', memoryTable(results.scaling.memory)],
    ...paperSection(results),
  ];
}

/** A column a number of threads, and what the last gains over the first. */
function threadsTable(threads) {
  const counts = [...new Set(threads.map((one) => one.threads))].sort((a, b) => a - b);
  const keyOf = ({ name, precision }) => `${name} ${precision}`;
  const rows = [...new Set(threads.map(keyOf))].map((key) => {
    const curve = threads.filter((one) => keyOf(one) === key);
    const { name, group, precision, batch } = curve[0];
    const rates = counts.map((count) => curve.find((one) => one.threads === count)?.rate);
    const gain = rates.at(-1).median / rates[0].median;
    return [group === 'own' ? `**${name}**` : name, precision, batch, ...rates.map(withSpread), `${gain.toFixed(2)} ×`];
  });
  const named = counts.map((count) => `${counted(count, 'thread')}, img/s`);
  return markdownTable(['contender', 'precision', 'batch', ...named, 'gain'], rows);
}

/** Peak resident memory of the process that runs the model alone: weights, activations, two batches of pixels. */
function memoryTable(memory) {
  const rows = memory.map(({ precision, batch, peakBytes }) => [precision, batch, (peakBytes.median / 1e6).toFixed(0)]);
  return markdownTable(['precision', 'batch', 'peak memory, MB'], rows);
}

function paperSection(results) {
  const rows = onPaper(results);
  if (rows === undefined) return [];
  const { machine, decoder, scaling } = results;
  const [one, all] = [scaling.bandwidth[0], scaling.bandwidth.at(-1)].map(
    ({ bytesPerSecond }) => bytesPerSecond.median,
  );
  const measured = Math.max(...scaling.threads.map(({ threads }) => threads));
  const batch = scaling.threads[0].batch;
  const traffic = [...new Set(rows.map(({ precision }) => precision))].map(
    (precision) => `${(bytesPerImage(precision, batch) / 1e6).toFixed(0)} MB in ${precision}`,
  );
  const table = markdownTable(
    ['precision', 'cores', 'model, img/s', 'pipeline, img/s', 'of proportional', 'memory, GB/s', 'what takes the rest'],
    rows.map(({ precision, cores, model, pipeline, share, traffic: bytes, stop }) => [
      precision,
      cores,
      withSpread(model),
      withSpread(pipeline),
      `${(100 * share.median).toFixed(0)} %`,
      figure(bytes.median / 1e9),
      stop,
    ]),
  );
  return [
    '### More cores, on paper',
    table,
    [
      'Assumed, and not measured:',
      '',
      `- The model's time an image is a + b / threads, fitted to 1 to ${measured} threads in each round; the cores are alike and as fast as here.` +
        ' Where two processors are two threads of one core, the fit takes for serial what the second of them lacks.',
      `- Decoding costs ${(decoder.cpuSecondsPerImage.median * 1000).toFixed(2)} ms of CPU a photograph and spreads over the cores; ` +
        `${(decoder.mainSecondsPerImage.median * 1000).toFixed(2)} ms of it are the main thread's, of which there is one.`,
      `- An image moves ${traffic.join(', ')} through memory: its share of the weights in a batch of ${batch}, each activation written and read ` +
        `once, nothing kept in caches. Copying here moves ${figure(one / 1e9)} GB/s on one thread, ${figure(all / 1e9)} on ${machine.threads}.`,
    ].join('\n'),
  ];
}
