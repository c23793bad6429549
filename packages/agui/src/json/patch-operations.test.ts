import { expect, test } from "vitest";
import type { JsonPatchOperation } from "../types.ts";
import { patchOperationFromMessage, patchOperationToMessage } from "./entity-messages.ts";

test.each<JsonPatchOperation>([
  { op: "add", path: "", value: { a: [null, 1.5, "ü"] } },
  { op: "remove", path: "/a~1b/~0" },
  { op: "replace", path: "/0", value: null },
  { op: "move", from: "/b", path: "/a" },
  { op: "copy", from: "", path: "/a" },
  { op: "test", path: "/a", value: false },
])("%j goes through the contract's message unchanged", (operation) => {
  expect(patchOperationFromMessage(patchOperationToMessage(operation))).toEqual(operation);
});
