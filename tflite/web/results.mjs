/** The figures of this device, handed back to the computer that serves the page. */

import {PageError, reach} from './errors.mjs';

const FORMAT = 'keras_dynres.bench/1';

/**
 * A first name for this device, which its owner can change.
 *
 * @return {Promise<string>} Such as `"pixel 8"`.
 */
export async function deviceName() {
  const {model, platform} = await hints();
  const agent = navigator.userAgent;
  const [, android] = agent.match(/Android [^;)]*; ([^;)]+?)(?: Build[^)]*)?\)/) ?? [];
  const kinds = /iPhone|iPad|Android|Mac|Windows|CrOS|Linux/;
  const [device] = agent.match(kinds) ?? ['device'];
  // Chromium calls every phone K there, and says the model to secure pages that ask.
  const name = model || (android === 'K' ? null : android) || platform || device;
  return name.toLowerCase();
}

/**
 * What the device is, in as many words as the browser gives.
 *
 * @return {Promise<string>} The user agent, the model and the GPU.
 */
export async function deviceText() {
  const {model} = await hints();
  return [navigator.userAgent, model, gpu()].filter(Boolean).join('; ');
}

async function hints() {
  try {
    return await navigator.userAgentData?.getHighEntropyValues(['model']) ?? {};
  } catch {
    return {};
  }
}

function gpu() {
  const context = document.createElement('canvas').getContext('webgl');
  return context?.getParameter(context.RENDERER);
}

/**
 * Hands over what was measured in one way of running.
 *
 * @param {string} address Where the site takes results.
 * @param {object} record `device`, `runtime`, `threads`, `sha256` and `latency`.
 */
export async function post(address, record) {
  const answer = await reach(address, {
    method: 'POST',
    headers: {'content-type': 'application/json'},
    body: JSON.stringify({
      format: FORMAT,
      cpu: await deviceText(),
      cores: navigator.hardwareConcurrency ?? 1,
      ...record,
    }),
  });
  if (answer.ok) return;
  const {error} = await answer.json().catch(() => ({}));
  throw new PageError(error ?? `The figures were not taken (${answer.status}).`);
}
