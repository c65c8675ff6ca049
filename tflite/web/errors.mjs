/** What goes wrong, as one sentence for whoever holds the phone. */

import {BundleError} from './bundle.mjs';

/** Anything that can be told in one sentence; the message is that sentence. */
export class PageError extends Error {}

/**
 * The sentence of an error, whoever threw it.
 *
 * @param {unknown} error What was caught.
 * @return {string} A sentence.
 */
export function sentence(error) {
  if (error instanceof PageError || error instanceof BundleError) return error.message;
  const text = error?.message ?? error;
  return `Something went wrong that this page did not expect: ${text}.`;
}

/**
 * What `fetch` gives, or a sentence where the network or the server says no.
 *
 * @param {string} address An address, relative to the page.
 * @param {object} options What `fetch` takes.
 * @return {Promise<Response>} The answer, whatever its status.
 */
export async function reach(address, options = {}) {
  try {
    return await fetch(address, options);
  } catch {
    throw new PageError(
        'The computer that serves this page cannot be reached: is the command still ' +
        'running, and the phone in the same network?');
  }
}
