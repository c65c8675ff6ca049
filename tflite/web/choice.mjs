/** The part of the page that chooses an instance by a budget of milliseconds. */

import {drawChart} from './chart.mjs';
import {at, make, milliseconds, say} from './dom.mjs';
import {within} from './menu.mjs';

const COLUMNS = ['median_ms', 'min_ms', 'max_ms', 'iqr_ms'];

/**
 * Makes the section work.
 *
 * @param {Session} session Its `chosen` is set here.
 * @param {function()} chosen Told that another instance was chosen.
 * @return {{show: function()}} To be called when figures have changed.
 */
export function choiceSection(session, chosen) {
  const slider = at('budget');
  const axis = axisOf(session);
  slider.addEventListener('input', () => {
    show();
    chosen();
  });

  /** The budget lies between the fastest and the slowest: at both ends there is one. */
  function budget(times) {
    const [low, high] = [Math.min(...times), Math.max(...times)];
    const share = slider.value / 100;
    return share === 1 ? high : low + (high - low) * share;
  }

  function pick({ms}) {
    const times = timesOf(session);
    const [low, high] = [Math.min(...times), Math.max(...times)];
    slider.value = high > low ? Math.ceil(100 * (ms - low) / (high - low)) : 100;
    show();
    chosen();
  }

  function show() {
    const {figures, rows} = session;
    const times = timesOf(session);
    at('choice').hidden = !times.length;
    if (!times.length) return;
    const limit = budget(times);
    const best = session.chosen = within(rows, figures, limit);
    const text = said(best, session, axis);
    at('budget-text').textContent = milliseconds(limit);
    slider.setAttribute('aria-valuetext', `${milliseconds(limit)}: ${text}`);
    say(at('chosen'), text);
    const points = rows.filter(({name}) => figures[name]).map((row) => (
      {name: row.name, ms: figures[row.name].median_ms, worth: axis.of(row)}));
    drawChart(at('chart'), points, {chosen: best.name, budget: limit, axis, pick});
    at('chart').setAttribute(
        'aria-label', `${points.length} instances, ${axis.text} over milliseconds. ` +
        `Within the budget: ${text}. All figures are in the table below.`);
    at('table').replaceChildren(...tableRows(session, axis));
  }

  return {show};
}

function timesOf({figures}) {
  return Object.values(figures).map((figure) => figure.median_ms);
}

/** What stands upright: the metric where all have it, else what they cost. */
function axisOf({rows, metadata}) {
  if (rows.every(({worth}) => worth !== null)) {
    const metric = (metadata.metric ?? 'accuracy').replaceAll('_', ' ');
    const share = rows.every(({worth}) => worth >= 0 && worth <= 1);
    return {
      text: share ? `${metric}, %` : metric,
      scale: share ? 100 : 1,
      of: (row) => row.worth,
      say: ({worth}) => `${metric} ${share ? `${(100 * worth).toFixed(1)} %` : worth}`,
    };
  }
  const say = ({macs}) => `${(macs / 1e6).toPrecision(3)} million MACs`;
  return {text: 'million MACs', scale: 1e-6, of: ({macs}) => macs, say};
}

function said(row, {figures}, axis) {
  return `${row.name}: ${milliseconds(figures[row.name].median_ms)}, ${axis.say(row)}`;
}

function tableRows({rows, figures}, axis) {
  const head = ['instance', 'median', 'least', 'most', 'spread', axis.text];
  const cell = (text) => make('td', {}, text);
  return [
    make('caption', {className: 'note'},
        'Milliseconds an image; spread: between the quarters.'),
    make('tr', {}, ...head.map((text) => make('th', {scope: 'col'}, text))),
    ...rows.filter(({name}) => figures[name]).map((row) => make(
        'tr', {}, make('th', {scope: 'row'}, row.name),
        ...COLUMNS.map((key) => cell(figures[row.name][key].toPrecision(3))),
        cell((axis.of(row) * axis.scale).toPrecision(3)))),
  ];
}
