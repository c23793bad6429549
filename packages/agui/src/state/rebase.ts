import { isObject } from "../json/problem.ts";
import type { Json, JsonObject } from "../types.ts";
import { type Alignment, alignLists, nowhere } from "./align-lists.ts";
import { keysOf, memberOf, sameValue, setMember } from "./json-value.ts";

/** Three versions of a state. */
export interface RebaseOptions {
  /** What the agent was given last. */
  readonly base: Json;
  /** What the state is by now, changed by others. */
  readonly theirs: Json;
  /** What the agent made of `base`. */
  readonly ours: Json;
}

/**
 * Brings what an agent wrote onto what others wrote meanwhile, as differences against what the agent was given:
 * `theirs` with the agent's changes. On the same path the agent wins, so that no write to a path that nobody
 * else wrote is lost.
 *
 * - Objects go by key. What the agent removed is gone; what others removed and the agent changed, even deep
 *   inside, is as the agent has it.
 * - Elements of lists are changed in place, inserted and removed where they are by now; what the agent appended
 *   follows what others appended. Lists of objects that each have an `id` go by it, so that an element is
 *   followed where it was moved to.
 * - What both made where neither had an object (or a list) before is one object (or list) with the content of
 *   both.
 *
 * Nothing is changed in place; the result shares values with what is given.
 */
export function rebaseState({ base, theirs, ours }: RebaseOptions): Json {
  if (sameValue(theirs, base) || sameValue(theirs, ours)) return ours;
  if (sameValue(ours, base)) return theirs;
  if (Array.isArray(theirs) && Array.isArray(ours)) {
    return rebaseLists(Array.isArray(base) ? base : [], theirs, ours);
  }
  if (isObject(theirs) && isObject(ours)) {
    return rebaseObjects(isObject(base) ? base : {}, theirs, ours);
  }
  return ours;
}

function rebaseObjects(base: JsonObject, theirs: JsonObject, ours: JsonObject): JsonObject {
  const result = { ...theirs };
  for (const key of keysOf(base)) {
    if (memberOf(ours, key) === undefined) delete result[key];
  }
  for (const key of keysOf(ours)) {
    const [old, their, our] = [memberOf(base, key), memberOf(theirs, key), ours[key]];
    if (their !== undefined) setMember(result, key, rebaseState({ base: old, theirs: their, ours: our }));
    else if (old === undefined || !sameValue(old, our)) setMember(result, key, our);
  }
  return result;
}

function rebaseLists(base: readonly Json[], theirs: readonly Json[], ours: readonly Json[]): Json[] {
  const their = alignLists(base, theirs, { keepsPlaces: true });
  const our = alignLists(base, ours, { keepsPlaces: true });
  /** An element of the base as it is now; undefined if it is gone. */
  const now = (index: number): Json | undefined => {
    const ourIndex = our.partners[index] ?? nowhere;
    const theirIndex = their.partners[index] ?? nowhere;
    // What others put in the place of an element is theirs, even if the agent removed that element.
    if (ourIndex === nowhere) return their.renamed.has(index) ? theirs[theirIndex] : undefined;
    if (theirIndex !== nowhere) {
      return rebaseState({ base: base[index], theirs: theirs[theirIndex], ours: ours[ourIndex] });
    }
    return sameValue(base[index], ours[ourIndex]) ? undefined : ours[ourIndex];
  };
  const theirPlaced = placed(theirs, their);
  const ourPlaced = placed(ours, our);
  const result: (Json | undefined)[] = [];
  for (let slot = 0; slot <= base.length; slot++) {
    for (const { value, origin } of theirPlaced.get(slot) ?? []) {
      if (origin === nowhere) result.push(value);
      else if (!our.moved.has(origin)) result.push(now(origin));
    }
    for (const { value, origin } of ourPlaced.get(slot) ?? []) {
      result.push(origin === nowhere ? value : now(origin));
    }
    if (slot < base.length && !their.moved.has(slot) && !our.moved.has(slot)) result.push(now(slot));
  }
  return result.filter((value) => value !== undefined);
}

interface Placed {
  readonly value: Json;
  /** Which element of the base it is, if it was moved here; {@link nowhere} if it is new. */
  readonly origin: number;
}

/** What a list has inserted or moved, by the element of the base that it is in front of. */
function placed(list: readonly Json[], { partners, moved }: Alignment): Map<number, Placed[]> {
  const origins = new Map(partners.map((partner, index) => [partner, index]));
  const slots = new Map<number, Placed[]>();
  let slot = 0;
  for (const [index, value] of list.entries()) {
    const origin = origins.get(index) ?? nowhere;
    if (origin !== nowhere && !moved.has(origin)) slot = origin + 1;
    else if (!slots.get(slot)?.push({ value, origin })) slots.set(slot, [{ value, origin }]);
  }
  return slots;
}
