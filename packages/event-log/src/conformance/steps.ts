import fc from "fast-check";
import type { AppendBatch, CatalogChange, CatalogEntry, CatalogQuery, Store } from "../event-log.ts";
import { placeOf } from "../place.ts";
import { bytesOf, chunk, logKey } from "./fixtures.ts";
import type { ModelStore } from "./model.ts";

/** One step of a random history. Appends are relative to where the log stands, so that most are allowed. */
export type Step =
  | { readonly do: "acquire"; readonly log: string; readonly create: boolean }
  | {
      readonly do: "append";
      readonly log: string;
      readonly epochOffset: number;
      readonly gap: number;
      readonly sizes: readonly number[];
      readonly records: readonly number[];
      readonly changes: readonly Change[];
    }
  | { readonly do: "trim"; readonly log: string; readonly to: number }
  | { readonly do: "remove"; readonly log: string; readonly epochOffset: number }
  | { readonly do: "put"; readonly changes: readonly Change[] }
  | {
      readonly do: "read" | "readRecords";
      readonly log: string;
      readonly after: number;
      readonly maxBytes: number;
    }
  | { readonly do: "head"; readonly log: string }
  | { readonly do: "get"; readonly id: string }
  | { readonly do: "count"; readonly states: readonly string[] }
  | { readonly do: "list"; readonly query: Omit<CatalogQuery, "kind">; readonly afterId?: string };

interface Change {
  readonly remove: boolean;
  readonly entry: CatalogEntry;
}

const log = fc.constantFrom("a", "b", "c");
const word = fc.constantFrom("", "x", "y", "\0");
const mostly = (usual: number, ...others: number[]) =>
  fc.oneof(
    { weight: 12, arbitrary: fc.constant(usual) },
    { weight: 1, arbitrary: fc.constantFrom(...others) },
  );

/** Only few different keys, so that they meet again. The order is part of what the key decides: it never changes. */
const change: fc.Arbitrary<Change> = fc
  .record({ remove: fc.boolean(), namespace: word, parent: word, id: word, label: word, state: word })
  .map(({ remove, ...texts }) => {
    const order = texts.namespace.length + texts.parent.length;
    const value = bytesOf(JSON.stringify(texts));
    return { remove, entry: { ...texts, kind: "", order, value } };
  });

const changes = fc.array(change, { maxLength: 4 });

const writeStep: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constant("acquire" as const), log, create: fc.boolean() }),
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("append" as const),
      log,
      epochOffset: mostly(0, -1, 1),
      gap: mostly(0, -1, 1),
      sizes: fc.array(fc.integer({ min: 1, max: 5 }), { maxLength: 4 }),
      records: fc.array(fc.nat(20), { maxLength: 2 }),
      changes,
    }),
  },
  fc.record({ do: fc.constant("trim" as const), log, to: fc.nat(60) }),
  fc.record({ do: fc.constant("remove" as const), log, epochOffset: mostly(0, -1, 1) }),
  fc.record({ do: fc.constant("put" as const), changes }),
);

const readStep: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    do: fc.constantFrom("read" as const, "readRecords" as const),
    log,
    after: fc.nat(40),
    maxBytes: fc.nat(60),
  }),
  fc.record({ do: fc.constant("head" as const), log }),
  fc.record({ do: fc.constant("get" as const), id: word }),
  fc.record({ do: fc.constant("count" as const), states: fc.array(word, { maxLength: 3 }) }),
  fc.record(
    {
      do: fc.constant("list" as const),
      query: fc.record(
        {
          namespace: word,
          parent: word,
          label: word,
          states: fc.array(word, { maxLength: 3 }),
          limit: fc.integer({ min: 1, max: 20 }),
        },
        { requiredKeys: ["limit"] },
      ),
      afterId: word,
    },
    { requiredKeys: ["do", "query"] },
  ),
);

/** Steps that are called without waiting in between: either one, or writes only, whose order is defined. */
export const stepsArbitrary: fc.Arbitrary<readonly Step[]> = fc.oneof(
  { weight: 4, arbitrary: fc.array(writeStep, { minLength: 1, maxLength: 6 }) },
  { weight: 3, arbitrary: readStep.map((step) => [step]) },
);

/** What came of a step, as plain data that can be compared. */
export type Outcome = { readonly value: unknown } | { readonly error: string };

/** A step on its way: what the model says, and what the store will have said. */
export interface Execution {
  readonly expected: Outcome;
  readonly actual: Promise<Outcome>;
}

/** Executes a step on both. `scope` keeps histories apart that share one store. */
export function execute(step: Step, scope: string, model: ModelStore, { log, catalog }: Store): Execution {
  const pair = (expected: () => unknown, actual: () => Promise<unknown>): Execution => ({
    expected: outcomeOf(expected),
    actual: settle(actual()),
  });
  const id = `${scope} ${"log" in step ? step.log : ""}`;
  const key = logKey(id);
  switch (step.do) {
    case "acquire":
      return pair(
        () => model.acquire(id, step.create),
        () => log.acquire(key, { create: step.create }),
      );
    case "append": {
      const batch = batchOf(step, scope, model);
      return pair(
        () => model.append(id, batch),
        () => log.append(key, batch),
      );
    }
    case "trim":
      return pair(
        () => model.trim(id, step.to),
        () => log.trim(key, step.to),
      );
    case "remove": {
      const epoch = (model.head(id)?.epoch ?? 1) + step.epochOffset;
      return pair(
        () => model.remove(id, epoch),
        () => log.remove(key, epoch),
      );
    }
    case "put": {
      const scoped = step.changes.map((each) => changeOf(each, scope));
      return pair(
        () => model.put(scoped),
        () => catalog.put(scoped),
      );
    }
    case "read":
      return pair(
        () => model.read(id, step.after, step.maxBytes),
        () => log.read(key, step),
      );
    case "readRecords":
      return pair(
        () => model.readRecords(id, step.after, step.maxBytes),
        () => log.readRecords(key, step).then(({ records }) => records),
      );
    case "head":
      return pair(
        () => model.head(id),
        () => log.head(key),
      );
    case "get": {
      const entryKey = { namespace: scope, kind: scope, parent: step.id, id: step.id };
      return pair(
        () => model.get(entryKey),
        () => catalog.get(entryKey),
      );
    }
    case "count":
      return pair(
        () => model.count(scope, step.states),
        () => catalog.count({ kind: scope, states: step.states }),
      );
    case "list": {
      const query = queryOf(step, scope);
      return pair(
        () => model.list(query),
        () => catalog.list(query),
      );
    }
  }
}

function batchOf(step: Step & { do: "append" }, scope: string, model: ModelStore): AppendBatch {
  const head = model.head(`${scope} ${step.log}`);
  let last = (head?.headSequence ?? 0) + step.gap;
  const chunks = step.sizes.map((size) => {
    const first = last + 1;
    last += size;
    return chunk(first, last, step.log);
  });
  return {
    epoch: (head?.epoch ?? 1) + step.epochOffset,
    chunks,
    records: step.records.map((length) => new Uint8Array(length).fill(length)),
    catalog: step.changes.map((each) => changeOf(each, scope)),
  };
}

function changeOf({ remove, entry }: Change, scope: string): CatalogChange {
  const scoped = { ...entry, kind: scope, namespace: scope + entry.namespace };
  return remove ? { remove: scoped } : { put: scoped };
}

function queryOf({ query, afterId }: Step & { do: "list" }, scope: string): CatalogQuery {
  const { namespace, ...rest } = query;
  const id = afterId ?? "";
  const place = placeOf({ order: id.length, namespace: scope + id, parent: "", id });
  return {
    ...rest,
    kind: scope,
    ...(namespace !== undefined && { namespace: scope + namespace }),
    ...(afterId !== undefined && { after: place }),
  };
}

function outcomeOf(call: () => unknown): Outcome {
  try {
    return { value: plain(call()) };
  } catch (error) {
    return { error: String(error) };
  }
}

async function settle(promise: Promise<unknown>): Promise<Outcome> {
  try {
    return { value: plain(await promise) };
  } catch (error) {
    return { error: String(error) };
  }
}

/** Makes results comparable: bytes as numbers, without the identity of the log, which is random. */
function plain(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value ?? null, (name, part) => {
      if (name === "logId") return undefined;
      return part instanceof Uint8Array ? [...part] : part;
    }),
  );
}
