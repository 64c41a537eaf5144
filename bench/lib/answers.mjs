/** A rate counts only for the same network: all contenders must give the same answer to the same pixels. */

/**
 * Largest difference of the best logit, relative to it: float32 rounds in another order, bfloat16 has 8 bits, and int8 knows
 * the range of photographs, which the noise that all are given exceeds.
 */
const TOLERANCE = { f32: 1e-5, bf16: 3e-2, int8: 3e-1 };

/** Throws when a contender's best class or logit is not that of this tool in float32. */
export function checkAnswers(results) {
  const reference = results.find(({ group, precision }) => group === 'own' && precision === 'f32').answer;
  for (const { name, precision, answer } of results) {
    const difference = Math.abs(answer.logit - reference.logit) / Math.abs(reference.logit);
    if (answer.class !== reference.class || !(difference <= TOLERANCE[precision])) {
      throw new Error(
        `${name} (${precision}) does not compute the same network: expected class ${reference.class} with logit ` +
          `${reference.logit} but received ${answer.class} with ${answer.logit}.`,
      );
    }
  }
}
