import { DatabaseSync } from "node:sqlite";
import type { CatalogQuery } from "@dragoman/event-log";
import { describe, expect, test } from "vitest";
import { prepareFormat } from "./format.ts";
import { listStatement } from "./list-query.ts";

const shapes: Record<string, Omit<CatalogQuery, "kind" | "limit">> = {
  all: {},
  "of a namespace": { namespace: "n" },
  "of a parent": { parent: "p" },
  "of a parent in a namespace": { namespace: "n", parent: "p" },
  "of a parent in some states": { parent: "p", states: ["a", "b"] },
  "of a label": { label: "l" },
  "of a label in a namespace": { namespace: "n", label: "l" },
  "in a state": { states: ["a"] },
  "in some states": { states: ["a", "b", "c"] },
  "in some states in a namespace": { namespace: "n", states: ["a", "b"] },
  "of a label in some states in a namespace": { namespace: "n", label: "l", states: ["a", "b"] },
};

describe("a list reads an index in its order, without sorting", () => {
  const database = new DatabaseSync(":memory:");
  prepareFormat(database, "memory", "test");
  const after = { order: 5, namespace: "n", parent: "p", id: "i" };
  for (const [name, shape] of Object.entries(shapes)) {
    test.each([
      ["from the start", shape],
      ["from a place", { ...shape, after }],
    ])(`entries ${name}, %s`, (_, query) => {
      const { sql, values } = listStatement({ kind: "k", limit: 10, ...query });
      const plan = database.prepare(`EXPLAIN QUERY PLAN ${sql}`).all(...values);
      const details = plan.map(({ detail }) => String(detail));
      expect(details.filter((detail) => detail.includes("TEMP B-TREE") || detail.startsWith("SCAN"))).toEqual(
        [],
      );
      expect(details.some((detail) => detail.includes("USING INDEX catalog_by_"))).toBe(true);
      // A place must narrow the range, not only filter it.
      if (query.after)
        expect(details.filter((detail) => detail.includes("SEARCH")).every((d) => d.includes("<"))).toBe(
          true,
        );
    });
  }
});
