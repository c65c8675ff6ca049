/** What is known on this page: the bundle, what was measured of it, what runs it. */

import {PageError} from './errors.mjs';
import {instances} from './menu.mjs';
import {Runtime} from './runtime.mjs';

/** A bundle on this device; parts of the page ask it and tell it. */
export class Session {
  #runtime = null;

  /**
   * @param {{site: object, bytes: Uint8Array, metadata: object}} bundle What
   *     `fetchSite` returned.
   * @param {Array<object>} ways What `ways` returned of it.
   */
  constructor(bundle, ways) {
    this.bundle = bundle;
    this.metadata = bundle.metadata;
    this.rows = instances(bundle.metadata);
    this.ways = ways;
    this.way = this.ways[0];
    this.measured = new Map(this.ways.map(({id}) => [id, {}]));
    this.threads = new Map();
    // The undiminished instance until a budget says more.
    this.chosen = this.rows.find(({name}) => name === 'full') ?? this.rows.at(-1);
    if (!this.chosen) {
      throw new PageError(
          'The shapes of all instances depend on the image, which no browser runs.');
    }
  }

  /** What was measured in the way that is set, by instances' names. */
  get figures() {
    return this.measured.get(this.way.id);
  }

  /** The row of a name. */
  named(name) {
    const row = this.rows.find((other) => other.name === name);
    if (row) return row;
    const names = this.rows.map((other) => other.name).join(', ');
    throw new PageError(`Unknown instance. Received: '${name}'. Offered: ${names}.`);
  }

  /** The runtime, started where it is not running. */
  async runtime() {
    this.#runtime ??= new Runtime(this.bundle, this.way);
    const [runtime, {id}] = [this.#runtime, this.way];
    try {
      const threads = await runtime.threads();
      this.threads.set(id, id === 'threads' ? threads : 1);
      return runtime;
    } catch (error) {
      if (this.#runtime === runtime) this.#runtime = null;
      throw error;
    }
  }

  /** Ends what runs; the next run starts anew. */
  stop() {
    this.#runtime?.close();
    this.#runtime = null;
  }

  /** Sets the way of running. */
  use(way) {
    if (way === this.way) return;
    this.stop();
    this.way = way;
  }

  /** Outputs of an instance for normalised numbers, for tests and the curious. */
  async run(name, values) {
    const runtime = await this.runtime();
    const {outputs} = await runtime.run(this.named(name), Float32Array.from(values));
    return Object.fromEntries(
        Object.entries(outputs).map(([key, output]) => [key, [...output.values]]));
  }
}
