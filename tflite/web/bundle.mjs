/**
 * Reads a bundle: its metadata, its hash, and one instance out of many.
 *
 * Nothing here needs Node, LiteRT.js or a secure page: browsers import it as it is, and
 * so does ../node. The format is described in keras_dynres/tflite/metadata.py.
 */

import {sha256} from './sha256.mjs';

const NAME = 'KERAS_DYNRES';
const HEAD = '{"format": "keras_dynres.tflite/1", "sha256": "';
const DIGITS = 64;
// Fields of the schema's root table, and of a signature.
const [SUBGRAPHS, BUFFERS, METADATA, SIGNATURES] = [2, 4, 6, 7];
const [KEY, SUBGRAPH_INDEX] = [2, 4];

/** A file that is damaged, or not a bundle; the message is one sentence. */
export class BundleError extends Error {}

/**
 * The metadata of a bundle whose hash is right.
 *
 * @param {Uint8Array} bytes The whole file.
 * @return {object} What `keras_dynres.tflite.read_metadata` returns.
 */
export function readMetadata(bytes) {
  const text = findMetadata(bytes);
  if (!text) {
    throw new BundleError('This TFLite file has no keras_dynres metadata.');
  }
  const head = new TextDecoder().decode(text.subarray(0, HEAD.length));
  if (head !== HEAD) {
    throw new BundleError(`The metadata's format is not known: ${head}`);
  }
  const start = text.byteOffset - bytes.byteOffset + HEAD.length;
  const said = new TextDecoder().decode(bytes.subarray(start, start + DIGITS));
  const zeroed = bytes.slice();
  zeroed.fill('0'.charCodeAt(0), start, start + DIGITS);
  if (sha256(zeroed) !== said) {
    throw new BundleError(
        'The bundle is damaged: its content does not match the hash inside.');
  }
  return JSON.parse(new TextDecoder().decode(text));
}

/**
 * The file with some signatures left, so that a runtime prepares and packs only those.
 *
 * @param {Uint8Array} bytes A bundle without control flow.
 * @param {string|Array<string>} keys The signature to keep, or several.
 * @return {Uint8Array} A copy of the same length; its metadata hash holds no more.
 */
export function select(bytes, keys) {
  const out = bytes.slice();
  const file = new File(out);
  const root = file.root();
  const signatures = new Map(file.vector(root(SIGNATURES)).map((at) => {
    const field = file.table(at);
    const index = field(SUBGRAPH_INDEX);
    return [file.text(field(KEY)), {at, index, graph: index ? file.u32(index) : 0}];
  }));
  const kept = [keys].flat().map((key) => {
    if (!signatures.has(key)) throw new BundleError(`No signature ${key}.`);
    return signatures.get(key);
  });
  // In the file's order: who names no subgraph means the first, and stays the first.
  const numbers = [...new Set(kept.map(({graph}) => graph))].sort((a, b) => a - b);
  const graphs = file.vector(root(SUBGRAPHS));
  file.shorten(root(SUBGRAPHS), numbers.map((number) => graphs[number]));
  file.shorten(root(SIGNATURES), kept.map(({at}) => at));
  for (const {index, graph} of kept) {
    if (index) file.view.setUint32(index, numbers.indexOf(graph), true);
  }
  return out;
}

function findMetadata(bytes) {
  try {
    const file = new File(bytes);
    const root = file.root();
    for (const at of file.vector(root(METADATA))) {
      const entry = file.table(at);
      if (file.text(entry(0)) !== NAME) continue;
      const index = entry(1) ? file.u32(entry(1)) : 0;
      const buffer = file.vector(root(BUFFERS))[index];
      return file.bytesOf(file.table(buffer)(0));
    }
    return null;
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new BundleError('The file is damaged or not a TFLite file.');
  }
}

/** Walks a FlatBuffer; an offset out of bounds throws a RangeError. */
class File {
  constructor(bytes) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  u32(at) {
    return this.view.getUint32(at, true);
  }

  root() {
    if (this.u32(4) !== 0x334c4654) throw new RangeError('no TFL3');
    return this.table(this.u32(0));
  }

  /** A function from a field's number to its place, 0 for one left out. */
  table(at) {
    const layout = at - this.view.getInt32(at, true);
    const size = this.view.getUint16(layout, true);
    return (field) => {
      const slot = 4 + 2 * field;
      const offset = slot < size ? this.view.getUint16(layout + slot, true) : 0;
      return offset && at + offset;
    };
  }

  /** The places of the tables that a vector points at. */
  vector(field) {
    if (!field) return [];
    const at = field + this.u32(field);
    const count = this.u32(at);
    if (at + 4 + 4 * count > this.view.byteLength) throw new RangeError('vector');
    return Array.from(
        {length: count}, (_, i) => at + 4 + 4 * i + this.u32(at + 4 + 4 * i));
  }

  bytesOf(field) {
    const at = field + this.u32(field);
    const end = at + 4 + this.u32(at);
    if (end > this.view.byteLength) throw new RangeError('bytes');
    return this.bytes.subarray(at + 4, end);
  }

  text(field) {
    return new TextDecoder().decode(this.bytesOf(field));
  }

  /** Makes the vector of a field hold nothing but the tables at `kept`. */
  shorten(field, kept) {
    const at = field + this.u32(field);
    this.view.setUint32(at, kept.length, true);
    kept.forEach((table, i) => {
      const entry = at + 4 + 4 * i;
      this.view.setUint32(entry, table - entry, true);
    });
  }
}
