/** Medians and spreads of a few measurements of the same thing. */

/** The middle value, or the mean of the two in the middle. Throws on an empty list. */
export function median(values) {
  if (values.length === 0) throw new Error('Expected at least one measurement but received none.');
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** `{ median, low, high, rounds }` of the rounds' figures. */
export function summary(values) {
  return { median: median(values), low: Math.min(...values), high: Math.max(...values), rounds: values };
}
