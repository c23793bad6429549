import { isObject } from "../json/problem.ts";
import type { Json } from "../types.ts";
import { keysOf, memberOf, sameValue } from "./json-value.ts";

/** Which elements of one list became which elements of another. */
export interface Alignment {
  /** For each element of the first list its index in the second, or {@link nowhere}. */
  readonly partners: readonly number[];
  /** Those elements of the first list that have a partner, but out of order. */
  readonly moved: ReadonlySet<number>;
  /** Those elements of the first list whose partner is where they were, with another `id`. */
  readonly renamed: ReadonlySet<number>;
}

export interface AlignOptions {
  /**
   * Whether a list that kept its length is taken as changed in place, element by element, even where elements
   * look as if they had shifted. Right where a write to one element must never touch another; wrong where the
   * shortest description of a change is asked for.
   */
  readonly keepsPlaces: boolean;
}

/** The partner of an element that is in the other list no more. */
export const nowhere = -1;

type Pair = readonly [first: number, second: number];

/**
 * Aligns two lists. Objects that all have an `id` of their own are known by it, wherever they are. Other lists
 * are taken as changed in place with elements added or removed at the end, unless insertions and removals
 * elsewhere explain them with fewer changes. Takes n log n steps.
 */
export function alignLists(
  first: readonly Json[],
  second: readonly Json[],
  options: AlignOptions,
): Alignment {
  const firstIds = idsOf(first);
  const secondIds = firstIds && idsOf(second);
  if (firstIds !== undefined && secondIds !== undefined) return alignById(firstIds, secondIds);
  const places = alignByPlace(first, second);
  const longer = Math.abs(first.length - second.length);
  // No alignment has fewer changes than what the lengths differ by.
  if (places.changes <= Math.max(1, longer) || (longer === 0 && options.keepsPlaces)) return places;
  const contents = alignByContent(first, second);
  return contents.changes < places.changes ? contents : places;
}

interface CountedAlignment extends Alignment {
  /** How many elements it takes as changed, added or removed. */
  readonly changes: number;
}

function alignByPlace(first: readonly Json[], second: readonly Json[]): CountedAlignment {
  let changes = Math.abs(first.length - second.length);
  const partners = first.map((value, index) => {
    if (index >= second.length) return nowhere;
    if (!sameValue(value, second[index])) changes += 1;
    return index;
  });
  return { partners, moved: new Set(), renamed: new Set(), changes };
}

/** By what is equal at both ends, and between them by the elements that either list has exactly once. */
function alignByContent(first: readonly Json[], second: readonly Json[]): CountedAlignment {
  const shorter = Math.min(first.length, second.length);
  let head = 0;
  while (head < shorter && sameValue(first[head], second[head])) head += 1;
  let tail = 0;
  while (tail < shorter - head && sameValue(first.at(-1 - tail), second.at(-1 - tail))) tail += 1;

  const partners = first.map((_, index) => (index < head ? index : nowhere));
  for (let back = 1; back <= tail; back++) partners[first.length - back] = second.length - back;
  const unique = onceInBoth(first.slice(head, first.length - tail), second.slice(head, second.length - tail));
  for (const [one, other] of inOrder(unique)) partners[head + one] = head + other;
  let changes = 0;
  for (const { missing, strange } of gapsIn(partners, second.length, new Set())) {
    for (const [index, one] of missing.entries()) partners[one] = strange[index] ?? nowhere;
    changes += Math.max(missing.length, strange.length);
  }
  return { partners, moved: new Set(), renamed: new Set(), changes };
}

function alignById(first: ReadonlyMap<Json, number>, second: ReadonlyMap<Json, number>): Alignment {
  const partners = [...first.keys()].map((id) => second.get(id) ?? nowhere);
  const known = partners.flatMap((other, one): Pair[] => (other === nowhere ? [] : [[one, other]]));
  const kept = new Set(inOrder(known).map(([one]) => one));
  const moved = new Set(known.map(([one]) => one).filter((one) => !kept.has(one)));
  // In a list that kept its length, another id where one is missing may be a new one of the same element.
  const renamed = new Set<number>();
  const gaps = first.size === second.size ? gapsIn(partners, second.size, moved) : [];
  for (const { missing, strange } of gaps) {
    const strangers = new Set(strange);
    for (const one of missing) {
      if (!strangers.has(one)) continue;
      partners[one] = one;
      renamed.add(one);
    }
  }
  return { partners, moved, renamed };
}

/** The ids of a list's elements with their indices, if all are objects and each has an id of its own. */
function idsOf(list: readonly Json[]): ReadonlyMap<Json, number> | undefined {
  const ids = new Map<Json, number>();
  for (const [index, value] of list.entries()) {
    const id = isObject(value) ? memberOf(value, "id") : undefined;
    if ((typeof id !== "string" && typeof id !== "number") || ids.has(id)) return undefined;
    ids.set(id, index);
  }
  return ids;
}

/** The elements that are in each list exactly once, in the order of the first. */
function onceInBoth(first: readonly Json[], second: readonly Json[]): Pair[] {
  const ones = onceIn(first);
  const others = onceIn(second);
  return [...ones].flatMap(([text, one]): Pair[] => {
    const other = others.get(text) ?? nowhere;
    return one === nowhere || other === nowhere ? [] : [[one, other]];
  });
}

function onceIn(list: readonly Json[]): Map<string, number> {
  const indices = new Map<string, number>();
  for (const [index, value] of list.entries()) {
    const text = textOf(value);
    indices.set(text, indices.has(text) ? nowhere : index);
  }
  return indices;
}

/** The same text for the same value: with sorted keys, as some languages write them in any order. */
function textOf(value: Json): string {
  const sortKeys = (_: string, inner: Json) =>
    isObject(inner)
      ? Object.fromEntries(
          keysOf(inner)
            .toSorted()
            .map((key) => [key, inner[key]]),
        )
      : inner;
  return JSON.stringify(value, sortKeys);
}

/** The most pairs of a list, sorted by their first index, whose second indices rise too. */
function inOrder(pairs: readonly Pair[]): Pair[] {
  /** For each length the pair that ends the lowest sequence of that length, and before each pair its last. */
  const ends: number[] = [];
  const previous: number[] = [];
  for (const [index, [, second]] of pairs.entries()) {
    let low = 0;
    let high = ends.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (secondOf(pairs, ends[middle]) < second) low = middle + 1;
      else high = middle;
    }
    previous[index] = ends[low - 1] ?? nowhere;
    ends[low] = index;
  }
  const result: Pair[] = [];
  for (let index = ends.at(-1) ?? nowhere; index !== nowhere; index = previous[index] ?? nowhere) {
    result.push(pairs[index] as Pair);
  }
  return result.reverse();
}

function secondOf(pairs: readonly Pair[], index: number | undefined): number {
  return index === undefined ? nowhere : (pairs[index]?.[1] ?? nowhere);
}

interface Gap {
  /** Indices of the first list whose elements have no partner. */
  readonly missing: readonly number[];
  /** Indices of the second list whose elements are no partner. */
  readonly strange: readonly number[];
}

/** What has no partner, between those that have one and have kept their order. */
function gapsIn(partners: readonly number[], secondLength: number, moved: ReadonlySet<number>): Gap[] {
  const taken = new Set(partners);
  const gaps: Gap[] = [];
  let missing: number[] = [];
  let next = 0;
  const closeGap = (end: number) => {
    const strange: number[] = [];
    for (; next < end; next++) if (!taken.has(next)) strange.push(next);
    if (missing.length > 0 || strange.length > 0) gaps.push({ missing, strange });
    missing = [];
    next = end + 1;
  };
  for (const [index, partner] of partners.entries()) {
    if (partner === nowhere) missing.push(index);
    else if (!moved.has(index)) closeGap(partner);
  }
  closeGap(secondLength);
  return gaps;
}
