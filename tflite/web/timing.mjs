/** Timing by batches: the clock of a page ticks 0.1 ms, which one run may not take. */

const WARM_UP_MS = 300;
const BATCH_MS = 10;
const [LEAST, MOST, LONGEST_MS] = [5, 20, 2000];

/**
 * Median and spread of the milliseconds a function takes.
 *
 * @param {function(): Promise<unknown>} run What is timed.
 * @param {function(): number} now A clock in milliseconds.
 * @return {Promise<object>} `median_ms`, `min_ms`, `max_ms`, `iqr_ms` of a run, from
 *     the means of batches, and `repeats`, the number of batches.
 */
export async function measure(run, now = () => performance.now()) {
  // Processors raise their clock, and engines compile, while it already runs.
  const start = now();
  let runs = 0;
  for (; !runs || now() - start < WARM_UP_MS; runs++) await run();
  const size = Math.ceil(BATCH_MS * runs / (now() - start));
  const times = [];
  const first = now();
  while (times.length < LEAST ||
         (times.length < MOST && now() - first < LONGEST_MS)) {
    const begin = now();
    let [end, count] = [begin, 0];
    for (; !count || count < size || end - begin < BATCH_MS; count++) {
      await run();
      end = now();
    }
    times.push((end - begin) / count);
  }
  return summary(times);
}

/**
 * What is kept of times, as `keras_dynres.tflite.latency.measure` does.
 *
 * @param {Array<number>} times Milliseconds.
 * @return {object} `median_ms`, `min_ms`, `max_ms`, `iqr_ms` and `repeats`.
 */
export function summary(times) {
  const sorted = [...times].sort((a, b) => a - b);
  const quantile = (share) => {
    const at = share * (sorted.length - 1);
    const below = sorted[Math.floor(at)];
    return below + (sorted[Math.ceil(at)] - below) * (at % 1);
  };
  return {
    median_ms: quantile(0.5),
    min_ms: sorted[0],
    max_ms: sorted.at(-1),
    iqr_ms: quantile(0.75) - quantile(0.25),
    repeats: sorted.length,
  };
}
