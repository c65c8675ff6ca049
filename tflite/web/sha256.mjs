/**
 * SHA-256 in plain JavaScript: browsers give `crypto.subtle` only to secure pages, and
 * a page from a computer on the same network by http is none.
 */

const PRIMES = primes(64);
const ROUNDS = Uint32Array.from(PRIMES, (prime) => fraction(Math.cbrt(prime)));
const START =
    Uint32Array.from(PRIMES.slice(0, 8), (prime) => fraction(Math.sqrt(prime)));

/**
 * The digest of some bytes.
 *
 * @param {Uint8Array} bytes What is digested.
 * @return {string} 64 hexadecimal digits.
 */
export function sha256(bytes) {
  const state = START.slice();
  const whole = bytes.length - bytes.length % 64;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at < whole; at += 64) mix(state, view, at);
  const rest = bytes.length - whole;
  const tail = new Uint8Array(rest < 56 ? 64 : 128);
  tail.set(bytes.subarray(whole));
  tail[rest] = 0x80;
  const end = new DataView(tail.buffer);
  // The length in bits, of 64 bits.
  end.setUint32(tail.length - 8, Math.floor(bytes.length / 2 ** 29));
  end.setUint32(tail.length - 4, bytes.length * 8 % 2 ** 32);
  for (let at = 0; at < tail.length; at += 64) mix(state, end, at);
  return [...state].map((word) => word.toString(16).padStart(8, '0')).join('');
}

const words = new Uint32Array(64);

/** Mixes a block of 64 bytes into the state. */
function mix(state, view, at) {
  for (let i = 0; i < 16; i++) words[i] = view.getUint32(at + 4 * i);
  for (let i = 16; i < 64; i++) {
    const [x, y] = [words[i - 15], words[i - 2]];
    const low = turned(x, 7) ^ turned(x, 18) ^ x >>> 3;
    const high = turned(y, 17) ^ turned(y, 19) ^ y >>> 10;
    words[i] = words[i - 16] + low + words[i - 7] + high;
  }
  let [a, b, c, d, e, f, g, h] = state;
  for (let i = 0; i < 64; i++) {
    const high = turned(e, 6) ^ turned(e, 11) ^ turned(e, 25);
    const one = h + high + (e & f ^ ~e & g) + ROUNDS[i] + words[i] | 0;
    const low = turned(a, 2) ^ turned(a, 13) ^ turned(a, 22);
    const two = low + (a & b ^ a & c ^ b & c) | 0;
    [h, g, f, e, d, c, b, a] = [g, f, e, d + one | 0, c, b, a, one + two | 0];
  }
  [a, b, c, d, e, f, g, h].forEach((word, i) => state[i] += word);
}

function turned(word, bits) {
  return word >>> bits | word << 32 - bits;
}

/** The first 32 bits behind the point. */
function fraction(number) {
  return Math.floor((number - Math.floor(number)) * 2 ** 32);
}

function primes(count) {
  const known = [];
  for (let n = 2; known.length < count; n++) {
    if (known.every((prime) => n % prime)) known.push(n);
  }
  return known;
}
