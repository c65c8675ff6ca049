/**
 * The worker that holds LiteRT.js. A classic one, since the runtime's loader calls
 * importScripts, which modules do not have; it answers one call after the other.
 */

/* global importScripts */
'use strict';

const calls = {start, load, run, stage, measure};
let litert;
let loaded = null; // The one compiled model that is held.
let accelerator;
let known = {}; // Features between stages, as tensors.
let queue = Promise.resolve();

self.onmessage = ({data: {id, call, values}}) => {
  queue = queue.then(async () => {
    try {
      self.postMessage({id, value: await calls[call](values)});
    } catch (error) {
      self.postMessage({id, error: String(error?.message ?? error)});
    }
  });
};

/** Loads the WebAssembly build that a way of running needs. */
async function start({way}) {
  const folder = new URL('runtime/wasm/', self.location).href;
  accelerator = way === 'webgpu' ? 'webgpu' : 'wasm';
  self.Module = {
    locateFile: (name) => folder + name,
    print: () => {},
    printErr: () => {},
  };
  if (way === 'threads') {
    // Threads load the script anew, which hangs for ever where the page's certificate
    // was clicked through; a blob needs no connection.
    const script = await fetch(`${folder}litert_wasm_threaded_internal.js`);
    const bytes = await script.arrayBuffer();
    self.Module.mainScriptUrlOrBlob = new Blob([bytes], {type: 'text/javascript'});
  }
  // It warns of every page without a GPU.
  if (way !== 'webgpu') console.warn = () => {};
  litert = await import('./runtime/core/index.js');
  await litert.loadLiteRt(folder, {threads: way === 'threads', jspi: way === 'webgpu'});
  if (way === 'webgpu' && !litert.getWebGpuDevice()) throw new Error('there is no GPU');
  return {threads: litert.getGlobalLiteRt().liteRtWasm.getThreadCount()};
}

/** Compiles a file, in place of the one before. */
async function load({bytes}) {
  release();
  loaded = await litert.loadAndCompile(bytes, {accelerator});
}

function release() {
  Object.values(known).forEach((tensor) => tensor.delete());
  known = {};
  loaded?.delete();
  loaded = null;
}

/** Runs a signature on an image; `ms` counts handing it over and reading the answer. */
async function run({signature, image, shape}) {
  const begin = performance.now();
  const tensor = new litert.Tensor(image, shape);
  const results =
      await loaded.run(signature, {images: tensor}).finally(() => tensor.delete());
  const outputs = {};
  for (const [name, result] of Object.entries(results)) {
    outputs[name] = await read(result);
    result.delete();
  }
  return {outputs, ms: performance.now() - begin};
}

/** Runs the next stage; its features stay here until the stage that needs them last. */
async function stage({signature, takes, keeps, image, shape}) {
  const begin = performance.now();
  if (image) {
    Object.values(known).forEach((tensor) => tensor.delete());
    known = {images: new litert.Tensor(image, shape)};
  }
  const inputs = Object.fromEntries(takes.map((name) => [name, known[name]]));
  Object.assign(known, await loaded.run(signature, inputs));
  const outputs = {outputs: await read(known.outputs)};
  for (const [name, tensor] of Object.entries(known)) {
    if (keeps.includes(name)) continue;
    tensor.delete();
    delete known[name];
  }
  return {outputs, ms: performance.now() - begin};
}

async function read(tensor) {
  return {values: await tensor.data(), shape: [...tensor.type.layout.dimensions]};
}

async function measure({signature, image, shape}) {
  const timing = await import('./timing.mjs');
  return timing.measure(() => run({signature, image, shape}));
}
