/** A small random number generator that gives the same numbers for the same seed. */
export function seeded(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    // mulberry32
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

/** Returns the bytes with one to four random changes: overwritten, left out, repeated, inserted, or cut off. */
export function mutated(bytes: Uint8Array, random: (below: number) => number): Buffer {
  let result = Buffer.from(bytes);
  for (let changes = 1 + random(4); changes > 0; changes--) {
    const start = random(result.length + 1);
    const length = 1 + random(16);
    const before = result.subarray(0, start);
    const piece = result.subarray(start, start + length);
    const after = result.subarray(start + length);
    const noise = Buffer.from(Array.from({ length }, () => random(256)));
    const kinds = [
      () => Buffer.concat([before, noise, after]),
      () => Buffer.concat([before, after]),
      () => Buffer.concat([before, piece, piece, after]),
      () => Buffer.concat([before, noise, piece, after]),
      () => before,
    ];
    result = Buffer.from(kinds[random(kinds.length)]!());
  }
  return result;
}
