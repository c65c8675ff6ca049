/** Boxes around objects in the picture. */

import {labelOf, percent} from './classification.mjs';
import {colour} from './maps.mjs';

/** The outputs of a detector. */
export const NAMES = ['boxes', 'scores', 'classes', 'count'];

// Below this the network itself does not believe in an object.
const LEAST = 0.3;
// Of objects without names nobody says how many classes there are.
const CLASSES = 8;

/**
 * The objects that a detector is sure enough of.
 *
 * @param {object} outputs Its outputs by their names, each with `values`.
 * @param {Array<string>|null} labels Names of the classes.
 * @return {Array<object>} `box` (x1, y1, x2, y2 in the network's pixels), `score`,
 *     `label` and `colour`, the surest first.
 */
export function objects({boxes, scores, classes, count}, labels) {
  return Array.from({length: Math.round(count.values[0])}, (_, i) => ({
    box: [...boxes.values.slice(4 * i, 4 * i + 4)],
    score: scores.values[i],
    label: labelOf(labels, Math.round(classes.values[i])),
    colour: `rgb(${colour(Math.round(classes.values[i]), labels?.length ?? CLASSES)})`,
  })).filter(({score}) => score >= LEAST).sort((a, b) => b.score - a.score);
}

/**
 * Draws objects over the picture.
 *
 * @param {HTMLCanvasElement} canvas Shows the picture that the network saw.
 * @param {Array<object>} all What `objects` returned.
 * @param {number} scale Pixels of the canvas for one of the network's.
 */
export function drawBoxes(canvas, all, scale) {
  const context = canvas.getContext('2d');
  const size = Math.max(12, canvas.width / 28);
  context.lineWidth = size / 6;
  context.font = `bold ${size}px sans-serif`;
  context.textBaseline = 'top';
  for (const {box, score, label, colour} of [...all].reverse()) {
    const [x1, y1, x2, y2] = box.map((edge) => edge * scale);
    const text = `${label} ${percent(score)}`;
    context.strokeStyle = context.fillStyle = colour;
    context.strokeRect(x1, y1, x2 - x1, y2 - y1);
    context.fillRect(x1, y1, context.measureText(text).width + 4, size + 2);
    context.fillStyle = 'white';
    context.fillText(text, x1 + 2, y1 + 2);
  }
}
