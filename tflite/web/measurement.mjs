/** The part of the page that measures. */

import {at, make, milliseconds, say} from './dom.mjs';
import {sentence} from './errors.mjs';
import {Stopped} from './runtime.mjs';

/**
 * Measures every instance in the way that is set.
 *
 * @param {Session} session Is given the figures one by one.
 * @param {function(object, number)} before Told a row and its position.
 * @return {Promise<Array<string>>} A sentence for each instance that does not run here.
 */
export async function measureAll(session, before) {
  const {figures} = session;
  const refused = [];
  const runtime = await session.runtime();
  for (const [position, row] of session.rows.entries()) {
    before(row, position);
    try {
      figures[row.name] = await runtime.measure(row);
    } catch (error) {
      if (error instanceof Stopped) throw error;
      refused.push(`${row.name} does not run here: ${sentence(error)}`);
    }
  }
  return refused;
}

/**
 * Makes the section work.
 *
 * @param {Session} session What is measured.
 * @param {object} listeners `begun()`, `known()` after each figure, `ended()`, and
 *     `turned()` after another way of running was set.
 * @return {{measure: function()}} To begin without a hand.
 */
export function measurementSection(session, {begun, known, ended, turned}) {
  const [button, stop, bar] = ['measure', 'stop', 'progress'].map(at);
  at('ways').append(...session.ways.map((way) => {
    const radio = make('input', {
      type: 'radio', name: 'way', value: way.id, checked: way === session.way});
    radio.addEventListener('change', () => {
      session.use(way);
      tell(session);
      turned();
    });
    return make('label', {}, radio, way.text);
  }));
  noteWays(session);
  button.addEventListener('click', measure);
  stop.addEventListener('click', () => session.stop());

  async function measure() {
    busy(true);
    begun();
    const release = keepAwake();
    say(at('measure-error'), '');
    say(at('measured'), 'Starting LiteRT.js …');
    try {
      const refused = await measureAll(session, (row, position) => {
        bar.max = session.rows.length;
        bar.value = position;
        at('measured').textContent =
            `Measuring ${row.name}, ${position + 1} of ${session.rows.length} …`;
        if (position) known();
      });
      say(at('measure-error'), refused.join(' '));
    } catch (error) {
      if (!(error instanceof Stopped)) say(at('measure-error'), sentence(error));
    }
    release();
    busy(false);
    tell(session);
    known();
    ended();
  }

  function busy(now) {
    button.hidden = now;
    stop.hidden = bar.hidden = !now;
    bar.removeAttribute('value');
    at('ways').querySelectorAll('input').forEach((radio) => radio.disabled = now);
  }

  return {measure};
}

function tell({figures, rows, way}) {
  const times = Object.values(figures).map((figure) => figure.median_ms);
  at('measure').textContent = times.length ? 'Measure again' : 'Measure';
  say(at('measured'), times.length ?
    `${times.length} of ${rows.length} ${rows.length > 1 ? 'instances' : 'instance'} ` +
    `measured on ${way.text}: ${milliseconds(Math.min(...times))} to ` +
    `${milliseconds(Math.max(...times))} an image.` :
    `Nothing is measured on ${way.text} yet.`);
}

/** Says where more ways of running are to be had. */
function noteWays({bundle: {site}, metadata}) {
  const note = at('ways-note');
  const dynamic = metadata.dynamic ?? [];
  if (!self.isSecureContext) {
    say(note, 'Several threads and the GPU need https. ');
    const link = make('a', {href: site.secure}, 'Open the secure page');
    if (site.secure) note.append(link);
  }
  if (dynamic.length) {
    note.append(` Left out: ${dynamic.join(', ')}, whose shapes depend on the image.`);
    note.hidden = false;
  }
}

/** A screen that goes dark slows the processor; where it cannot be kept, so be it. */
function keepAwake() {
  // Never waited for: some browsers neither give the lock nor refuse it.
  const lock = navigator.wakeLock?.request('screen').catch(() => null);
  return () => lock?.then((sentinel) => sentinel?.release());
}
