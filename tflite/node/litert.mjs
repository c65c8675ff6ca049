/** LiteRT.js under Node: it expects a web worker, so Node is made to look like one. */

import {readFileSync} from 'node:fs';
import {createRequire} from 'node:module';
import {dirname, join} from 'node:path';
import vm from 'node:vm';

const require = createRequire(import.meta.url);

/** What the runtime logged, newest last. */
export const log = [];

/**
 * Loads the runtime's WebAssembly, the build without threads.
 *
 * @return {Promise<object>} The module `@litertjs/core`, ready to compile models.
 */
export async function loadRuntime() {
  globalThis.self = globalThis;
  // The generated loader asks for Node's own globals, which modules do not have.
  globalThis.require = require;
  globalThis.navigator ??= {};
  globalThis.importScripts = (path) => {
    globalThis.__filename = path;
    globalThis.__dirname = dirname(path);
    vm.runInThisContext(readFileSync(path, 'utf8'), {filename: path});
  };
  globalThis.Module = {printErr: (line) => log.push(line)};
  const warn = console.warn;
  console.warn = (...parts) => log.push(parts.join(' '));
  try {
    const litert = await import('@litertjs/core');
    const wasm = join(dirname(require.resolve('@litertjs/core')), '..', 'wasm', '/');
    await litert.loadLiteRt(wasm);
    return litert;
  } finally {
    console.warn = warn;
  }
}
