#!/usr/bin/env node
/**
 * Lists a bundle's instances, or runs one of them on images:
 *
 *     node run.mjs net.tflite
 *     node run.mjs net.tflite --instance p3@0.5 --input images.json
 *
 * Prints JSON. Exit codes: 0 done, 1 bad file or input, 2 wrong usage.
 */

import {readFileSync} from 'node:fs';
import {parseArgs} from 'node:util';

import {BundleError, readMetadata, select} from '../web/bundle.mjs';

const USAGE = `Usage: node run.mjs BUNDLE [--instance NAME] [--input FILE]

  BUNDLE           a file written by keras_dynres.tflite.export
  --instance NAME  which instance to run; "full" by default
  --input FILE     JSON of one normalised image or a batch (nested lists, or flat);
                   "-" reads standard input; without it the menu is printed
  --verbose        shows the runtime's own log`;

/** Anything the user can mend; the message is one sentence. */
class InputError extends Error {}

async function main() {
  const {bundle, options} = argumentsOf(process.argv.slice(2));
  const bytes = new Uint8Array(read(bundle));
  const metadata = readMetadata(bytes);
  if (options.input === undefined) return describe(metadata);
  const row = metadata.menu.find(({name}) => name === options.instance);
  if (!row) {
    const names = metadata.menu.map(({name}) => name).join(', ');
    throw new InputError(
        `Unknown instance. Received: '${options.instance}'. Offered: ${names}.`);
  }
  const images = imagesOf(options.input, metadata.input.shape);
  const outputs = await run(bytes, row, images, metadata, options.verbose);
  return {model: metadata.model, instance: row.name, outputs};
}

/** What a caller needs to choose an instance and feed it. */
function describe({model, labels, input, preprocessing, output, outputs, menu}) {
  return {model, labels, input, preprocessing, output, outputs, menu};
}

/** For each image what one output holds, or an object of several by their names. */
async function run(bytes, {signature, outputs: own}, images, metadata, verbose) {
  const {loadRuntime, log} = await import('./litert.mjs').catch(() => {
    throw new InputError('LiteRT.js is not installed: run npm install here.');
  });
  let done = false;
  try {
    const {loadAndCompile, Tensor} = await loadRuntime();
    const model =
        await loadAndCompile(select(bytes, signature), {accelerator: 'wasm'});
    const shapes = outputShapes(own ?? metadata.outputs, metadata.output);
    const outputs = [];
    for (const image of images) {
      const tensor = new Tensor(image, [1, ...metadata.input.shape]);
      const results = await model.run(signature, {images: tensor});
      const values = {};
      for (const [name, shape] of shapes) {
        values[name] = nested([...await results[name].data()], shape);
      }
      outputs.push(shapes.length === 1 ? values[shapes[0][0]] : values);
      tensor.delete();
      Object.values(results).forEach((result) => result.delete());
    }
    model.delete();
    done = true;
    return outputs;
  } finally {
    if (verbose || !done) console.error(log.join('\n'));
  }
}

/** [name, shape] of each output; a row of classes is the one that has no name. */
function outputShapes(outputs, row) {
  if (!outputs) return [['outputs', [row.classes]]];
  return Object.entries(outputs).map(([name, {shape}]) => [name, shape]);
}

/** A flat list as lists in lists: what `tolist` gives in Python. */
function nested(values, shape) {
  if (shape.length < 2) return shape.length ? values : values[0];
  const size = values.length / shape[0];
  return Array.from(
      {length: shape[0]},
      (_, i) => nested(values.slice(i * size, (i + 1) * size), shape.slice(1)));
}

/** One Float32Array an image. */
function imagesOf(path, shape) {
  let values;
  try {
    values = Float32Array.from(JSON.parse(read(path)).flat(Infinity));
  } catch (error) {
    if (error instanceof InputError) throw error;
    throw new InputError(`The input is not JSON of numbers: ${error.message}.`);
  }
  const size = shape.reduce((a, b) => a * b);
  if (values.length === 0 || values.length % size) {
    throw new InputError(
        `An image has ${shape.join(' x ')} = ${size} numbers. ` +
        `Received: ${values.length} numbers.`);
  }
  if (!values.every(Number.isFinite)) {
    throw new InputError('The input holds values that are not finite numbers.');
  }
  return Array.from(
      {length: values.length / size},
      (_, i) => values.slice(i * size, (i + 1) * size));
}

function read(path) {
  try {
    return readFileSync(path === '-' ? 0 : path);
  } catch (error) {
    throw new InputError(`Cannot read '${path}': ${error.message}.`);
  }
}

function argumentsOf(words) {
  const text = {type: 'string'};
  try {
    const {values, positionals} = parseArgs({
      args: words,
      allowPositionals: true,
      options: {
        instance: {...text, default: 'full'},
        input: text,
        verbose: {type: 'boolean'},
        help: {type: 'boolean', short: 'h'},
      },
    });
    if (values.help) {
      console.log(USAGE);
      process.exit(0);
    }
    if (positionals.length !== 1) throw new Error('Give one bundle.');
    return {bundle: positionals[0], options: values};
  } catch (error) {
    console.error(`${error.message}\n${USAGE}`);
    process.exit(2);
  }
}

try {
  console.log(JSON.stringify(await main()));
} catch (error) {
  const mendable = error instanceof InputError || error instanceof BundleError;
  console.error(mendable ? error.message : error);
  process.exitCode = 1;
}
