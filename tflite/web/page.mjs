/** The page: fetches the bundle, measures it, and joins the parts. */

import {choiceSection} from './choice.mjs';
import {at, say} from './dom.mjs';
import {sentence} from './errors.mjs';
import {measurementSection} from './measurement.mjs';
import {deviceName, post} from './results.mjs';
import {VERSION, ways} from './runtime.mjs';
import {Session} from './session.mjs';
import {fetchSite} from './site.mjs';
import {trialSection} from './trial.mjs';

async function main() {
  const bundle = await fetchSite((share) => at('download').value = share);
  const session = new Session(bundle, await ways(bundle.metadata));
  window.keras_dynres = session;
  describe(bundle, session);
  const trial = trialSection(session);
  const choice = choiceSection(session, trial.again);
  const keep = await keepSection(session);
  const {measure} = measurementSection(session, {
    begun: () => trial.pause(true),
    known: choice.show,
    ended: () => {
      trial.pause(false);
      trial.again();
      keep.show();
    },
    turned: () => {
      choice.show();
      trial.again();
    },
  });
  at('main').hidden = false;
  measure();
}

function describe({site, metadata}, {rows}) {
  const {precision, input: {shape}} = metadata;
  at('name').textContent = document.title = site.name;
  at('facts').textContent = [
    metadata.model, `${rows.length} ${rows.length === 1 ? 'instance' : 'instances'}`,
    precision, `${shape[1]} × ${shape[0]} pixels`,
    `${(site.bytes / 1e6).toFixed(1)} MB`,
  ].join(' · ');
  at('runtime').textContent = VERSION;
  at('download').hidden = true;
}

/** Hands figures to the server, where there is one that takes them. */
async function keepSection({bundle: {site}, metadata, ways, measured, threads}) {
  at('keep').hidden = !site.results;
  at('device').value = await deviceName();
  at('keep-form').addEventListener('submit', async (event) => {
    event.preventDefault();
    const device = at('device').value.trim();
    say(at('keep-error'), '');
    at('send').disabled = true;
    try {
      for (const {id, runtime} of ways) {
        const latency = measured.get(id);
        if (!Object.keys(latency).length) continue;
        const {sha256} = metadata;
        await post(
            site.results, {device, runtime, threads: threads.get(id), sha256, latency});
      }
      say(at('kept'), `Kept under the name ${device}.`);
    } catch (error) {
      say(at('keep-error'), sentence(error));
    }
    at('send').disabled = false;
  });
  const show = () => {
    const counts = [...measured.values()].map((all) => Object.keys(all).length);
    at('send').disabled = !counts.some(Boolean);
  };
  return {show};
}

try {
  await main();
} catch (error) {
  at('download').hidden = true;
  say(at('facts'), '');
  say(at('error'), sentence(error));
}
