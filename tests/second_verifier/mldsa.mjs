// ML-DSA-44 verification (FIPS 204, algorithm 3 with an empty context): Node 20's library has none.
import { createHash } from "node:crypto";

const Q = 8380417;
const [D, TAU, K, L, OMEGA, BETA] = [13, 39, 4, 4, 80, 78];
const GAMMA1 = 2 ** 17;
const GAMMA2 = (Q - 1) / 88;
const N = 256;

const shake = (bits, length, ...parts) =>
  parts.reduce((hash, part) => hash.update(part), createHash(`shake${bits}`, { outputLength: length })).digest();
const mod = (a) => ((a % Q) + Q) % Q;

const ZETAS = (() => {
  const powers = [1];
  while (powers.length < N) powers.push((powers.at(-1) * 1753) % Q);
  return powers.map((_, m) => powers[Number.parseInt(m.toString(2).padStart(8, "0").split("").reverse().join(""), 2)]);
})();

function ntt(poly) {
  const w = [...poly];
  for (let length = 128, m = 0; length >= 1; length /= 2) {
    for (let start = 0; start < N; start += 2 * length) {
      const zeta = ZETAS[++m];
      for (let j = start; j < start + length; j += 1) {
        const t = (zeta * w[j + length]) % Q;
        [w[j], w[j + length]] = [mod(w[j] + t), mod(w[j] - t)];
      }
    }
  }
  return w;
}

function inverseNtt(poly) {
  const w = [...poly];
  for (let length = 1, m = N; length < N; length *= 2) {
    for (let start = 0; start < N; start += 2 * length) {
      const zeta = Q - ZETAS[--m];
      for (let j = start; j < start + length; j += 1) {
        [w[j], w[j + length]] = [mod(w[j] + w[j + length]), (zeta * mod(w[j] - w[j + length])) % Q];
      }
    }
  }
  return w.map((a) => (a * 8347681) % Q);
}

/** Integers of `bits` bits each, least significant bit first. */
function unpack(bytes, bits) {
  const values = [];
  let [pool, held] = [0, 0];
  for (const byte of bytes) {
    pool += byte * 2 ** held;
    for (held += 8; held >= bits; held -= bits) {
      values.push(pool % 2 ** bits);
      pool = Math.floor(pool / 2 ** bits);
    }
  }
  return values;
}

function sampleNtt(rho, column, row) {
  const stream = shake(128, 3 * 512, rho, Buffer.of(column, row));
  const poly = [];
  for (let i = 0; poly.length < N; i += 3) {
    const value = stream.readUIntLE(i, 3) & 0x7fffff;
    if (value < Q) poly.push(value);
  }
  return poly;
}

function sampleInBall(seed) {
  const stream = shake(256, 1024, seed);
  const poly = new Array(N).fill(0);
  for (let i = N - TAU, next = 8; i < N; i += 1) {
    while (stream[next] > i) next += 1;
    const j = stream[next++];
    const bit = i + TAU - N;
    poly[i] = poly[j];
    poly[j] = (stream[bit >> 3] >> (bit & 7)) & 1 ? Q - 1 : 1;
  }
  return poly;
}

/** One set of hinted coefficients for each row, or null where the packing is not the one way to write it. */
function unpackHints(bytes) {
  const hints = [];
  let index = 0;
  for (let row = 0; row < K; row += 1) {
    const end = bytes[OMEGA + row];
    if (end < index || end > OMEGA) return null;
    const places = [...bytes.subarray(index, end)];
    if (places.some((place, i) => i > 0 && places[i - 1] >= place)) return null;
    hints.push(new Set(places));
    index = end;
  }
  return bytes.subarray(index, OMEGA).every((byte) => byte === 0) ? hints : null;
}

function useHint(hinted, value) {
  let low = value % (2 * GAMMA2);
  if (low > GAMMA2) low -= 2 * GAMMA2;
  const wraps = value - low === Q - 1;
  const high = wraps ? 0 : (value - low) / (2 * GAMMA2);
  if (!hinted) return high;
  return (high + ((wraps ? low - 1 : low) > 0 ? 1 : 43)) % 44;
}

const chunks = (bytes, size) => Array.from({ length: bytes.length / size }, (_, i) => bytes.subarray(i * size, (i + 1) * size));

export function verifyMlDsa44(key, message, signature) {
  if (key.length !== 1312 || signature.length !== 2420) return false;
  const [rho, seed] = [key.subarray(0, 32), signature.subarray(0, 32)];
  const hints = unpackHints(signature.subarray(2336));
  const z = chunks(signature.subarray(32, 2336), 576).map((part) => unpack(part, 18).map((value) => GAMMA1 - value));
  if (!hints || z.flat().some((value) => Math.abs(value) >= GAMMA1 - BETA)) return false;

  const zHat = z.map((poly) => ntt(poly.map(mod)));
  const cHat = ntt(sampleInBall(seed));
  const w1 = chunks(key.subarray(32), 320).flatMap((part, row) => {
    const tHat = ntt(unpack(part, 10).map((value) => mod(value * 2 ** D)));
    const sum = tHat.map((t, i) => Q - ((cHat[i] * t) % Q));
    for (let column = 0; column < L; column += 1) {
      sampleNtt(rho, column, row).forEach((a, i) => { sum[i] = (sum[i] + a * zHat[column][i]) % Q; });
    }
    return inverseNtt(sum).map((value, i) => useHint(hints[row].has(i), value));
  });
  const packed = chunks(Uint8Array.from(w1), 4).map(([a, b, c, d]) => Buffer.of(a | b << 6, b >> 2 | c << 4, c >> 4 | d << 2));
  const mu = shake(256, 64, shake(256, 64, key), Buffer.of(0, 0), message);
  return shake(256, 32, mu, ...packed).equals(seed);
}
