/** The site this page belongs to: what it says of itself, and its bundle. */

import {readMetadata} from './bundle.mjs';
import {PageError, reach} from './errors.mjs';

const FORMAT = 'keras_dynres.site/1';

/**
 * Fetches the bundle and checks it: no runtime has seen a byte of it yet.
 *
 * @param {function(number)} progress Told the share that has come, 0 to 1.
 * @return {Promise<{site: object, bytes: Uint8Array, metadata: object}>}
 */
export async function fetchSite(progress) {
  const site = await fetchJson('site.json');
  if (site.format !== FORMAT) {
    throw new PageError(`This page cannot read a site of the format ${site.format}.`);
  }
  const bytes = await fetchBytes(site.bundle, site.bytes, progress);
  const metadata = readMetadata(bytes);
  if (metadata.sha256 !== site.sha256) {
    throw new PageError('The bundle is another than the site was made for: reload.');
  }
  return {site, bytes, metadata};
}

async function fetchJson(address) {
  const answer = await reached(address);
  try {
    return await answer.json();
  } catch {
    throw new PageError(`${address} is damaged: it is no JSON.`);
  }
}

async function fetchBytes(address, size, progress) {
  const answer = await reached(address);
  const parts = [];
  let come = 0;
  try {
    for (const reader = answer.body.getReader();;) {
      const {done, value} = await reader.read();
      if (done) break;
      parts.push(value);
      progress((come += value.length) / size);
    }
  } catch {
    throw new PageError('The network went away while the bundle was fetched: reload.');
  }
  const bytes = new Uint8Array(come);
  parts.reduce((at, part) => {
    bytes.set(part, at);
    return at + part.length;
  }, 0);
  return bytes;
}

async function reached(address) {
  // A bundle of the same address as yesterday's is another one.
  const answer = await reach(address, {cache: 'no-cache'});
  if (!answer.ok) {
    throw new PageError(`The server does not hand out ${address} (${answer.status}).`);
  }
  return answer;
}
