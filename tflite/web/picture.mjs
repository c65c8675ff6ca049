/** From a picture to what the network takes. */

import {PageError} from './errors.mjs';

// What is shown is at least as wide: pictures of 32 pixels are hard to look at.
const SHOWN = 320;

/**
 * A picked file as a picture.
 *
 * @param {Blob} file What the user picked.
 * @return {Promise<ImageBitmap>} Turned as the camera was held.
 */
export async function decode(file) {
  try {
    return await createImageBitmap(file, {imageOrientation: 'from-image'});
  } catch {
    throw new PageError(
        `${file.name ?? 'The file'} is no picture that this browser can read.`);
  }
}

/**
 * Refuses a bundle whose input cannot be made of a picture.
 *
 * @param {object} metadata A bundle's.
 */
export function checkInput({input: {shape}, preprocessing}) {
  const [, , channels] = shape;
  if (channels !== 3 && channels !== 1) {
    throw new PageError(
        `The network takes images of ${channels} channels: no pictures.`);
  }
  if (!preprocessing) {
    throw new PageError(
        'The bundle does not say how pixels become input: export it with ' +
        'preprocessing.');
  }
}

/**
 * The middle of a picture in the network's proportions, once as large as the network
 * takes it and once to be looked at.
 *
 * @param {CanvasImageSource} source A picture, or a frame of the camera.
 * @param {object} metadata The bundle's.
 * @param {HTMLCanvasElement} canvas Where it is shown.
 * @return {Float32Array} What the network takes.
 */
export function take(source, metadata, canvas) {
  const [height, width] = metadata.input.shape;
  const scale = Math.ceil(SHOWN / width);
  draw(source, Object.assign(canvas, {width: scale * width, height: scale * height}));
  const small = Object.assign(document.createElement('canvas'), {width, height});
  const context = draw(source, small);
  return normalised(context.getImageData(0, 0, width, height).data, metadata);
}

/** Fills the canvas with the middle of a picture. */
function draw(source, canvas) {
  const w = source.videoWidth ?? source.width;
  const h = source.videoHeight ?? source.height;
  const scale = Math.max(canvas.width / w, canvas.height / h);
  const [width, height] = [canvas.width / scale, canvas.height / scale];
  const context = canvas.getContext('2d', {willReadFrequently: true});
  context.imageSmoothingQuality = 'high';
  context.drawImage(
      source, (w - width) / 2, (h - height) / 2, width, height,
      0, 0, canvas.width, canvas.height);
  return context;
}

/**
 * `Runner.preprocess` in JavaScript, to the same bits.
 *
 * @param {Uint8ClampedArray} pixels Red, green, blue and opacity, 0 to 255.
 * @param {object} metadata A bundle's.
 * @return {Float32Array} Numbers, channels last.
 */
export function normalised(pixels, {input: {shape}, preprocessing}) {
  const channels = shape[2];
  const tables = Array.from({length: channels}, (_, i) => table(preprocessing, i));
  const image = new Float32Array(shape.reduce((a, b) => a * b));
  for (let at = 0, pixel = 0; at < image.length; pixel += 4) {
    if (channels === 1) {
      image[at++] = tables[0][luminance(pixels, pixel)];
      continue;
    }
    for (let i = 0; i < channels; i++) image[at++] = tables[i][pixels[pixel + i]];
  }
  return image;
}

/** What each value of a channel becomes, rounded where float32 rounds. */
function table({mean, std, scale}, channel) {
  const [m, s] = [mean, std].map((values) => Math.fround(values[channel] ?? values[0]));
  const divisor = Math.fround(scale);
  const all = Float32Array.from({length: 256}, (_, value) => value / divisor);
  return all.map((value) => Math.fround(value - m) / s);
}

function luminance(pixels, at) {
  const [r, g, b] = pixels.subarray(at, at + 3);
  return Math.round(0.299 * r + 0.587 * g + 0.114 * b);
}
