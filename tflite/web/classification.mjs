/** From a row of logits or probabilities to names of classes. */

/**
 * Probabilities of the classes.
 *
 * @param {ArrayLike<number>} values A row of a network's outputs.
 * @param {string} activation `"logits"` or `"probabilities"`.
 * @return {Array<number>} As many numbers.
 */
export function probabilities(values, activation) {
  if (activation === 'probabilities') return [...values];
  const most = values.reduce((a, b) => Math.max(a, b));
  const powers = Array.from(values, (value) => Math.exp(value - most));
  const sum = powers.reduce((a, b) => a + b);
  return powers.map((power) => power / sum);
}

/**
 * The likeliest classes.
 *
 * @param {ArrayLike<number>} values A row of a network's outputs.
 * @param {string} activation What the numbers are.
 * @param {Array<string>|null} labels Names of the classes.
 * @param {number} count How many at most.
 * @return {Array<{label: string, probability: number}>} The likeliest first.
 */
export function top(values, activation, labels, count = 5) {
  return probabilities(values, activation)
      .map((probability, i) => ({label: labelOf(labels, i), probability}))
      .sort((a, b) => b.probability - a.probability)
      .slice(0, count);
}

/**
 * A class's name, or its number where the bundle holds no names.
 *
 * @param {Array<string>|null} labels Names of the classes.
 * @param {number} number The class, from 0.
 * @return {string} What a person reads.
 */
export function labelOf(labels, number) {
  return labels?.[number] ?? `class ${number}`;
}

/**
 * A share as a person reads it.
 *
 * @param {number} share From 0 to 1.
 * @return {string} Such as `"93 %"`.
 */
export function percent(share) {
  return `${share > 0.995 && share < 1 ? (100 * share).toFixed(1) :
                                         Math.round(100 * share)} %`;
}
