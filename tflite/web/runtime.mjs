/** LiteRT.js in a worker of its own: the page stays at hand while it computes. */

import {select} from './bundle.mjs';
import {PageError} from './errors.mjs';

export const VERSION = 'LiteRT.js 2.5.3';

/**
 * The ways of running that this browser has for a bundle.
 *
 * @param {object} metadata The bundle's.
 * @return {Promise<Array<{id: string, text: string, runtime: string}>>} One thread is
 *     always among them; threads want shared memory, WebGPU floats and a loader that
 *     can wait (other builds fail at the second model).
 */
export async function ways(metadata) {
  const all = [{id: 'wasm', text: '1 thread', runtime: `${VERSION} wasm`}];
  const cores = navigator.hardwareConcurrency ?? 1;
  if (self.crossOriginIsolated && cores > 1) {
    all.push({
      id: 'threads', text: `${cores} threads`, runtime: `${VERSION} wasm threads`});
  }
  const floats = metadata.precision.startsWith('float');
  if (floats && 'Suspending' in WebAssembly && await navigator.gpu?.requestAdapter()) {
    all.push({id: 'webgpu', text: 'GPU', runtime: `${VERSION} webgpu`});
  }
  return all;
}

/** One worker, which runs in one way until it is closed. */
export class Runtime {
  #worker = new Worker(new URL('worker.js', import.meta.url));
  #waiting = new Map();
  #calls = 0;
  #bundle;
  #started;
  #held = null;
  #over = null;

  /**
   * Starts a worker.
   *
   * @param {{bytes: Uint8Array, metadata: object}} bundle A bundle that was checked.
   * @param {object} way One of `ways`.
   */
  constructor(bundle, way) {
    this.#bundle = bundle;
    this.#worker.onmessage = ({data: {id, value, error}}) => {
      const {resolve, reject} = this.#waiting.get(id);
      this.#waiting.delete(id);
      error === undefined ? resolve(value) : reject(new PageError(error));
    };
    this.#worker.onerror = (event) => {
      event.preventDefault?.();
      this.#fail(new PageError(event.message || 'its worker cannot be loaded'));
    };
    this.#started = this.#call('start', {way: way.id}).catch((error) => {
      this.close();
      if (error instanceof Stopped) throw error;
      throw new PageError(
          `LiteRT.js did not start on ${way.text} (${error.message}): is the ` +
          'computer that serves this page still running?');
    });
  }

  /** Waits until it runs, and says on how many threads. */
  async threads() {
    return (await this.#started).threads;
  }

  /** Outputs of an instance by their names, and the milliseconds they took. */
  async run(row, image) {
    await this.#hold(row.name, row.signature);
    return this.#call('run', this.#given(row, image));
  }

  /** The next of the stages, the first where an image is given. */
  async stage({signature, takes, keeps}, image) {
    if (image) {
      await this.#hold('stages', this.#bundle.metadata.stages.map((s) => s.signature));
    }
    return this.#call('stage', {...this.#given({signature}, image), takes, keeps});
  }

  /** What `timing.measure` says of an instance. */
  async measure(row) {
    await this.#hold(row.name, row.signature);
    return this.#call('measure', this.#given(row, noise(this.#bundle.metadata)));
  }

  /** Ends the worker at once, whatever it does. */
  close() {
    this.#worker.terminate();
    this.#fail(new Stopped('It was stopped.'));
  }

  /** Has the worker hold these signatures and no others: it packs what it is given. */
  async #hold(name, keys) {
    if (this.#held === name) return;
    this.#held = null;
    const bytes = select(this.#bundle.bytes, keys);
    await this.#call('load', {bytes}, [bytes.buffer]);
    this.#held = name;
  }

  #given({signature}, image) {
    return {signature, image, shape: [1, ...this.#bundle.metadata.input.shape]};
  }

  #call(call, values, transfer = []) {
    const id = this.#calls++;
    return new Promise((resolve, reject) => {
      if (this.#over) return reject(this.#over);
      this.#waiting.set(id, {resolve, reject});
      this.#worker.postMessage({id, call, values}, transfer);
    });
  }

  #fail(error) {
    this.#over ??= error;
    for (const {reject} of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}

/** Thrown to whoever waits for a runtime that was closed. */
export class Stopped extends PageError {}

/** An image of numbers about as large as a normalised picture's. */
function noise({input: {shape}}) {
  let state = 1;
  return Float32Array.from({length: shape.reduce((a, b) => a * b)}, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
}
