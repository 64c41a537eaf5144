/** The results as Markdown. */

/** A table whose first column is text and the others numbers. */
export function markdownTable(header, rows) {
  const align = header.map((_, column) => (column === 0 ? '---' : '--:'));
  return [header, align, ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

/** Three significant digits: 0.123, 1.23, 12.3, 123. */
export function figure(value) {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}

/** `12.3 (12.1-12.6)`: the median and the spread of the rounds; the median alone of one round. */
export function withSpread({ median, low, high, rounds }) {
  return rounds.length === 1 ? figure(median) : `${figure(median)} (${figure(low)}-${figure(high)})`;
}

/** One row a contender, and by how much the tool is faster: a ratio above 1 is in the tool's favour. */
export function contenderTable(results, extra = {}) {
  const header = ['contender', 'precision', ...Object.keys(extra), 'img/s', 'vgg16 ÷ it'];
  const rows = results.map((result) => {
    const { name, group, precision, rate } = result;
    const reference = ownRate(results, precision);
    const ratio = group === 'own' || reference === undefined ? '' : `${(reference / rate.median).toFixed(2)} ×`;
    const shown = group === 'own' ? `**${name}**` : name;
    return [shown, precision, ...Object.values(extra).map((cell) => cell(result)), withSpread(rate), ratio];
  });
  return markdownTable(header, rows);
}

/** The fastest result of a group at a precision: the best of its settings. */
export function best(results, group, precision) {
  return results
    .filter((result) => result.group === group && result.precision === precision)
    .reduce((a, b) => (a !== undefined && a.rate.median >= b.rate.median ? a : b), undefined);
}

/** The tool's rate at a precision, in img/s: its best batch size where it was measured at two. */
export function ownRate(results, precision) {
  return best(results, 'own', precision)?.rate.median;
}
