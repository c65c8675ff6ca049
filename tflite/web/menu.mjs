/** A bundle's instances, and the choice among them: arrays and numbers, no page. */

/**
 * The instances that a browser can run.
 *
 * @param {object} metadata A bundle's.
 * @return {Array<object>} Rows of the menu, cheapest first, each with its `worth`: the
 *     figure by which instances are chosen, larger is better, or null.
 */
export function instances(metadata) {
  const dynamic = new Set(metadata.dynamic ?? []);
  const metric = metadata.metric ?? 'accuracy';
  return metadata.menu
      .filter(({name}) => !dynamic.has(name))
      .map((row) => ({...row, worth: row.measured[metric] ?? null}));
}

/**
 * The best instance that runs within a budget, as `Menu.within` chooses in Python.
 *
 * @param {Array<object>} rows What `instances` returned.
 * @param {object} figures Maps names to what was measured of them.
 * @param {number} budget Milliseconds.
 * @return {object|undefined} A row, or nothing where none is as fast.
 */
export function within(rows, figures, budget) {
  const fitting = rows.filter(({name}) => figures[name]?.median_ms <= budget);
  const rated = fitting.filter(({worth}) => worth !== null);
  // Where nothing was measured of them the dearest stands in for the best.
  const better = rated.length ?
      (a, b) => b.worth - a.worth || a.macs - b.macs :
      (a, b) => b.macs - a.macs;
  return (rated.length ? rated : fitting).sort(better)[0];
}

/**
 * The points that no faster one matches.
 *
 * @param {Array<{ms: number, worth: number}>} points Instances in a chart.
 * @return {Array<object>} Some of them, fastest first.
 */
export function pareto(points) {
  let best = -Infinity;
  return [...points]
      .sort((a, b) => a.ms - b.ms || b.worth - a.worth)
      .filter(({worth}) => worth > best && ((best = worth), true));
}

/**
 * What an instance gives: `keras_dynres.tflite.facts.outputs` in JavaScript.
 *
 * @param {object} metadata A bundle's.
 * @param {object} row A row of its menu.
 * @return {object} Maps outputs' names to their `shape` and `activation`.
 */
export function outputs(metadata, row) {
  if (row.outputs ?? metadata.outputs) return row.outputs ?? metadata.outputs;
  const {classes, activation} = metadata.output;
  return {outputs: {shape: [classes], activation}};
}
