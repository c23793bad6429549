import { describe, test } from "vitest";
import { storeConformance } from "./conformance/index.ts";
import { openMemoryStore } from "./memory-store.ts";

describe("the in-memory store conforms", () => {
  // It keeps nothing, so there is nothing to open again.
  for (const { category, name, run } of storeConformance.filter((each) => each.category !== "reopen")) {
    test(`${category}: ${name}`, () => run({ open: () => openMemoryStore() }));
  }
});
