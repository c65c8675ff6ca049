/** The part of the page that looks at pictures: photos, files, the camera. */

import * as boxes from './boxes.mjs';
import {cameraRefusal, startCamera, stopCamera} from './camera.mjs';
import {percent, top} from './classification.mjs';
import {at, make, milliseconds, say} from './dom.mjs';
import {sentence} from './errors.mjs';
import {canStop, policies, runStages} from './exits.mjs';
import {drawMap} from './maps.mjs';
import {outputs as outputsOf} from './menu.mjs';
import {checkInput, decode, take} from './picture.mjs';
import {Stopped} from './runtime.mjs';

/**
 * Makes the section work.
 *
 * @param {Session} session Says what runs, and on what.
 * @return {object} `again()` looks at the last picture anew, `pause(boolean)` holds
 *     everything while the device is measured.
 */
export function trialSection(session) {
  const {metadata} = session;
  const [camera, video] = ['camera', 'video'].map(at);
  const rule = stopRule(metadata, () => again());
  let picture = null;
  let [busy, missed, held, live] = [false, null, false, false];

  const refusal = cameraRefusal();
  camera.disabled = Boolean(refusal);
  say(at('camera-note'), refusal);
  try {
    checkInput(metadata);
  } catch (error) {
    say(at('try-note'), sentence(error));
    at('sources').hidden = at('rule').hidden = true;
    at('camera-note').hidden = true;
  }
  for (const id of ['photo', 'file']) {
    at(id).addEventListener('change', async ({target}) => {
      const [file] = target.files;
      target.value = ''; // So that the same picture can be picked again.
      if (!file) return;
      endCamera();
      await told(async () => {
        picture = await decode(file);
        await look(picture);
      });
    });
  }
  camera.addEventListener('click', () => (live ? endCamera() : told(watch)));

  async function watch() {
    live = true;
    camera.textContent = 'Stop the camera';
    camera.setAttribute('aria-pressed', 'true');
    try {
      await startCamera(video);
      while (live) {
        await look(video);
        await new Promise(requestAnimationFrame);
      }
    } finally {
      endCamera();
    }
  }

  function endCamera() {
    live = false;
    stopCamera(video);
    camera.textContent = 'Live camera';
    camera.setAttribute('aria-pressed', 'false');
  }

  /** Runs the network on a picture and shows what it says. */
  async function look(source) {
    if (busy || source.videoWidth === 0) {
      missed = busy ? source : null;
      return;
    }
    busy = true;
    try {
      missed = null;
      const canvas = make('canvas');
      const image = take(source, metadata, canvas);
      const runtime = await session.runtime();
      const answer = rule.active() ?
        await staged(runtime, metadata, image, rule) :
        await whole(runtime, session, image, canvas);
      show(canvas, {...answer, text: `${answer.text} on ${session.way.text}.`});
    } finally {
      busy = false;
    }
    // Sliders move on while a picture is looked at; the last place counts.
    if (missed && !live) await look(missed);
  }

  async function told(action) {
    say(at('try-error'), '');
    try {
      await action();
    } catch (error) {
      if (!(error instanceof Stopped)) say(at('try-error'), sentence(error));
    }
  }

  async function again() {
    if (picture && !live && !held) await told(() => look(picture));
  }

  function pause(now) {
    held = now;
    if (now) endCamera();
    at('sources').classList.toggle('off', now);
    for (const id of ['photo', 'file', 'policy', 'sureness']) at(id).disabled = now;
    camera.disabled = now || Boolean(refusal);
    if (!at('sources').hidden) {
      say(at('try-note'), now ? 'When the measurement is done, or stopped.' : '');
    }
  }

  return {again, pause};
}

/** The rule by which a network with stages stops; without stages it is never active. */
function stopRule(metadata, changed) {
  const [select, slider] = [at('policy'), at('sureness')];
  const known = canStop(metadata) ? policies(metadata) : [];
  const texts = ['as soon as it is sure', ...known.map(({text}) => text), 'never'];
  select.append(...texts.map((text, value) => make('option', {value}, text)));
  at('rule').hidden = !canStop(metadata);
  const update = () => {
    at('sureness-row').hidden = select.value !== '0';
    at('sureness-text').textContent = percent(slider.value / 100);
    changed();
  };
  select.addEventListener('change', update);
  slider.addEventListener('input', update);
  at('sureness-text').textContent = percent(slider.value / 100);
  return {
    active: () => canStop(metadata) && Number(select.value) <= known.length,
    threshold: (position) => known[select.value - 1]?.thresholds[position] ??
        slider.value / 100,
  };
}

async function staged(runtime, metadata, image, rule) {
  const {stages, labels, output: {activation}} = metadata;
  const steps = await runStages(runtime, metadata, image, rule.threshold);
  const last = steps.at(-1);
  const macs = (some) => some.reduce((sum, {macs}) => sum + macs, 0);
  const share = macs(stages.slice(0, steps.length)) / macs(stages);
  const ms = steps.reduce((sum, step) => sum + step.ms, 0);
  return {
    answers: top(last.values, activation, labels),
    steps: stages.map(({exit}, i) => ({exit, ...steps[i], last: steps[i] === last})),
    text: `Stopped at ${last.exit} after ${steps.length} of ${stages.length} stages ` +
        `and ${percent(share)} of the MACs: ${milliseconds(ms)}`,
  };
}

async function whole(runtime, session, image, canvas) {
  const {chosen, metadata} = session;
  const {outputs, ms} = await runtime.run(chosen, image);
  const answer = {text: `${chosen.name}: ${milliseconds(ms)}`};
  const {labels, input} = metadata;
  if (boxes.NAMES.every((name) => outputs[name])) {
    answer.objects = boxes.objects(outputs, labels);
    boxes.drawBoxes(canvas, answer.objects, canvas.width / input.shape[1]);
    return answer;
  }
  const known = Object.entries(outputsOf(metadata, chosen));
  for (const [name, {shape, activation}] of known) {
    if (activation === 'values') continue;
    const {values} = outputs[name];
    if (shape.length === 1) answer.answers = top(values, activation, labels);
    if (shape.length === 3) answer.legend = drawMap(canvas, outputs[name], labels);
  }
  if (!answer.answers && !answer.legend) {
    answer.text = `It gives numbers that this page does not draw. ${answer.text}`;
  }
  return answer;
}

/** Shows an answer whole: with a live camera nothing of the last one stays. */
function show(canvas, {answers = [], steps = [], legend = [], objects, text}) {
  const picture = at('picture');
  Object.assign(picture, {width: canvas.width, height: canvas.height});
  picture.getContext('2d').drawImage(canvas, 0, 0);
  at('shown').hidden = false;
  const first = answers[0] && `${answers[0].label}, ${percent(answers[0].probability)}`;
  const counted = objects && `${objects.length || 'no'} ` +
      (objects.length === 1 ? 'object' : 'objects');
  // With a live camera only what is seen is said aloud, not each frame's milliseconds.
  const most = legend[0] && `Mostly ${legend[0].text}`;
  say(at('answer'), first ?? counted ?? most ?? '');
  say(at('timing'), text);
  at('answers').replaceChildren(...answers.map(({label, probability}) => make(
      'li', {}, make('span', {}, label), make('span', {}, percent(probability)),
      make('meter', {value: probability, ariaLabel: label}))));
  at('stages').replaceChildren(...steps.map(({exit, sureness, ms, last}) => make(
      'li', {className: ms === undefined ? 'spared' : 'run'},
      make('span', {}, ms === undefined ? `${exit}: spared` :
          `${exit}: ${percent(sureness)} sure${last ? ', stopped here' : ''}`),
      make('span', {}, ms === undefined ? '' : milliseconds(ms)))));
  const entries = objects ? kinds(objects) : legend;
  at('legend').replaceChildren(...entries.map(({text, colour}) => {
    const swatch = make('span', {className: 'swatch'});
    swatch.style.background = colour;
    return make('li', {}, swatch, text);
  }));
}

/** How many objects there are of each class; where they are the picture shows. */
function kinds(objects) {
  const labels = [...new Set(objects.map(({label}) => label))];
  return labels.map((label) => {
    const all = objects.filter((object) => object.label === label);
    return {text: `${label}: ${all.length}`, colour: all[0].colour};
  });
}
