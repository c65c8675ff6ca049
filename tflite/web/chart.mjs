/** Accuracy over milliseconds, as a drawing in the page. */

import {shape} from './dom.mjs';
import {pareto} from './menu.mjs';

const [WIDTH, HEIGHT] = [360, 260];
const EDGE = {left: 44, right: 14, top: 20, bottom: 38};
// What a letter of a label takes.
const [LETTER, LINE] = [7, 11];

/**
 * Draws the instances that were measured.
 *
 * @param {SVGElement} svg Is emptied first.
 * @param {Array<{name: string, ms: number, worth: number}>} points Instances.
 * @param {object} options `chosen`, the name of one; `budget` in milliseconds; `axis`,
 *     what stands upright, with `text` and `scale`; `pick`, told a point that is
 *     touched.
 */
export function drawChart(svg, points, {chosen, budget, axis, pick}) {
  svg.setAttribute('viewBox', `0 0 ${WIDTH} ${HEIGHT}`);
  const across = scale(
      [0, Math.max(...points.map(({ms}) => ms))], EDGE.left, WIDTH - EDGE.right);
  const up = scale(
      extent(points.map(({worth}) => worth * axis.scale)),
      HEIGHT - EDGE.bottom, EDGE.top);
  const place = ({ms, worth}) => [across.at(ms), up.at(worth * axis.scale)];
  const front = pareto(points);
  svg.replaceChildren(
      ...axes(across, up, axis.text),
      shape('line', {
        class: 'budget', x1: across.at(budget), x2: across.at(budget),
        y1: EDGE.top, y2: HEIGHT - EDGE.bottom}),
      shape('polyline', {
        class: 'front', points: front.map((point) => place(point).join()).join(' ')}),
      ...points.map((point) => {
        const [cx, cy] = place(point);
        const dot = shape('circle', {
          class: point.name === chosen ? 'dot chosen' : 'dot',
          cx, cy, r: point.name === chosen ? 6 : 4});
        dot.addEventListener('click', () => pick(point));
        return dot;
      }),
      ...labels(points, chosen, front, place));
}

/** From values to places, with round numbers between. */
function scale([low, high], start, end) {
  const step = roundStep((high - low || Math.abs(high) || 1) / 4);
  const from = Math.floor(low / step + 1e-9) * step;
  const to = Math.max(Math.ceil(high / step - 1e-9) * step, from + step);
  return {
    at: (value) => start + (value - from) / (to - from) * (end - start),
    ticks: Array.from(
        {length: Math.round((to - from) / step) + 1},
        (_, i) => Number((from + i * step).toPrecision(10))),
  };
}

function roundStep(size) {
  const power = 10 ** Math.floor(Math.log10(size));
  return power * [1, 2, 5, 10].find((factor) => factor * power >= size * 0.999);
}

function extent(values) {
  return [Math.min(...values), Math.max(...values)];
}

function axes(across, up, text) {
  const [right, bottom] = [WIDTH - EDGE.right, HEIGHT - EDGE.bottom];
  const lines = up.ticks.flatMap((tick) => [
    shape('line', {
      class: 'grid', x1: EDGE.left, x2: right, y1: up.at(tick), y2: up.at(tick)}),
    shape('text', {
      class: 'tick', x: EDGE.left - 6, y: up.at(tick) + 4, 'text-anchor': 'end'},
    String(tick)),
  ]);
  const numbers = across.ticks.map((tick) => shape(
      'text', {
        class: 'tick', x: across.at(tick), y: bottom + 15,
        'text-anchor': 'middle'},
      String(tick)));
  return [
    ...lines, ...numbers,
    shape('text', {
      class: 'axis', x: (EDGE.left + right) / 2, y: HEIGHT - 6,
      'text-anchor': 'middle'},
    'milliseconds an image'),
    shape('text', {
      class: 'axis', x: 11, y: (EDGE.top + bottom) / 2, 'text-anchor': 'middle',
      transform: `rotate(-90 11 ${(EDGE.top + bottom) / 2})`}, text),
  ];
}

/** Names beside the dots, as many as do not cross; the chosen one's first. */
function labels(points, chosen, front, place) {
  const rank = (point) => (point.name === chosen ? 0 : front.includes(point) ? 1 : 2);
  const taken = points.map((point) => {
    const [x, y] = place(point);
    return [x - 5, y - 5, x + 5, y + 5];
  });
  const texts = [];
  for (const point of [...points].sort((a, b) => rank(a) - rank(b))) {
    const width = point.name.length * LETTER;
    const [x, y] = place(point);
    const room = [
      [x + 8, y - LINE / 2], [x - width / 2, y - LINE - 8], [x - width / 2, y + 8],
      [x - width - 8, y - LINE / 2],
    ].map(([left, top]) => [left, top, left + width, top + LINE])
        .find((box) => inside(box) && !taken.some((other) => cross(box, other)));
    if (!room) continue;
    taken.push(room);
    texts.push(shape(
        'text', {
          class: point.name === chosen ? 'name chosen' : 'name',
          x: room[0], y: room[1] + LINE - 2},
        point.name));
  }
  return texts;
}

function inside([left, top, right, bottom]) {
  return left > EDGE.left && right < WIDTH && top >= 0 && bottom < HEIGHT - EDGE.bottom;
}

function cross(a, b) {
  return a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3];
}
