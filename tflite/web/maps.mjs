/** A map of classes over the picture. */

import {labelOf, percent} from './classification.mjs';

const OPACITY = 0.55;
// So many classes a legend names; below this share they are specks.
const [NAMED, LEAST] = [12, 0.005];

/**
 * Draws the likeliest class of each position over the picture.
 *
 * @param {HTMLCanvasElement} canvas Shows the picture that the network saw.
 * @param {{values: ArrayLike<number>, shape: Array<number>}} map One image's output,
 *     classes last.
 * @param {Array<string>|null} labels Names of the classes.
 * @return {Array<{text: string, colour: string}>} A legend, the largest area first.
 */
export function drawMap(canvas, {values, shape}, labels) {
  const [height, width, classes] = shape.slice(-3);
  const colours = Array.from({length: classes}, (_, i) => colour(i, classes));
  const picture = new ImageData(width, height);
  const counts = new Array(classes).fill(0);
  for (let at = 0; at < height * width; at++) {
    const kind = likeliest(values, at * classes, classes);
    counts[kind]++;
    picture.data.set([...colours[kind], 255 * OPACITY], 4 * at);
  }
  const small = Object.assign(document.createElement('canvas'), {width, height});
  small.getContext('2d').putImageData(picture, 0, 0);
  const context = canvas.getContext('2d');
  context.imageSmoothingEnabled = false;
  context.drawImage(small, 0, 0, canvas.width, canvas.height);
  return counts
      .map((count, kind) => ({kind, share: count / (height * width)}))
      .filter(({share}) => share >= LEAST)
      .sort((a, b) => b.share - a.share)
      .slice(0, NAMED)
      .map(({kind, share}) => ({
        text: `${labelOf(labels, kind)} ${percent(share)}`,
        colour: `rgb(${colours[kind]})`,
      }));
}

/**
 * A class's colour, one of as many hues as there are classes.
 *
 * @param {number} kind The class, from 0.
 * @param {number} count How many classes there are.
 * @return {Array<number>} Red, green and blue, 0 to 255.
 */
export function colour(kind, count) {
  const hue = 360 * kind / count;
  const lightness = 0.5 + 0.14 * (kind % 3 - 1);
  const reach = 0.8 * Math.min(lightness, 1 - lightness);
  return [0, 8, 4].map((turn) => {
    const k = (turn + hue / 30) % 12;
    const part = Math.max(-1, Math.min(k - 3, 9 - k, 1));
    return Math.round(255 * (lightness - reach * part));
  });
}

function likeliest(values, start, count) {
  let best = 0;
  for (let i = 1; i < count; i++) {
    if (values[start + i] > values[start + best]) best = i;
  }
  return best;
}
