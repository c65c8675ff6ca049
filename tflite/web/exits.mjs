/** Leaving early: stages one by one, until the network is sure. */

import {probabilities} from './classification.mjs';

/**
 * Whether a bundle can stop early by how sure it is.
 *
 * @param {object} metadata A bundle's.
 * @return {boolean} It needs stages, and one row of classes after each.
 */
export function canStop(metadata) {
  return Boolean(metadata.stages?.length && metadata.output);
}

/**
 * The rules offered beside the slider: the bundle's own policies.
 *
 * @param {object} metadata A bundle's.
 * @return {Array<{text: string, thresholds: Array<number>}>}
 */
export function policies(metadata) {
  return (metadata.policies ?? []).map((policy) => ({
    thresholds: policy.thresholds,
    text: `policy of the file: ${amount(policy.expected_cost, policy.unit)} ` +
        `on average, accuracy ${(100 * policy.accuracy).toFixed(1)} %`,
  }));
}

/**
 * Runs stages until one is sure; those behind it are not computed.
 *
 * @param {Runtime} runtime Has the stages loaded.
 * @param {object} metadata The bundle's.
 * @param {Float32Array} image What the network takes.
 * @param {function(number): number} threshold The sureness that ends it after a stage:
 *     the largest probability must be at least this; the last stage always ends it.
 * @return {Promise<Array<object>>} For each stage that was run its `exit`, `values`,
 *     `sureness` and `ms`.
 */
export async function runStages(runtime, metadata, image, threshold) {
  const steps = [];
  const {stages, output: {activation}} = metadata;
  for (const [position, stage] of stages.entries()) {
    const {outputs, ms} = await runtime.stage(stage, position ? null : image);
    const {values} = outputs.outputs;
    const sureness = Math.max(...probabilities(values, activation));
    steps.push({exit: stage.exit, values, sureness, ms});
    if (sureness >= threshold(position)) break;
  }
  return steps;
}

function amount(cost, unit) {
  return unit === 'macs' ? `${(cost / 1e6).toPrecision(3)} million MACs` :
                           `${cost.toPrecision(3)} ms`;
}
