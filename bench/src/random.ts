/** A source of numbers from 0 to below 1 that gives the same ones for the same seed (mulberry32). */
export type Random = () => number;

/** Makes a source. */
export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** One of the items. */
export function pick<Item>(random: Random, items: readonly Item[]): Item {
  return items[Math.floor(random() * items.length)] as Item;
}

/** An id like those of a UUID library. */
export function uuid(random: Random): string {
  const digits = (length: number) =>
    Array.from({ length }, () => Math.floor(random() * 16).toString(16)).join("");
  return `${digits(8)}-${digits(4)}-4${digits(3)}-${digits(4)}-${digits(12)}`;
}

/** An id like those of model providers: a prefix and letters. */
export function letters(random: Random, prefix: string, length: number): string {
  return prefix + Array.from({ length }, () => pick(random, ALPHABET)).join("");
}

const ALPHABET = [..."ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"];
