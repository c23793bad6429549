import { expect, test } from "vitest";
import { createTimeBox } from "../tools/time-box.ts";
import { schemaProblems } from "./json-schema.ts";

const inTime = createTimeBox(1_000);

test("a schema that says it is asynchronous is checked like any other", () => {
  // An unhandled rejection of its promise would fail this test, and end a server.
  expect(schemaProblems({ $async: true, type: "object" }, 5, inTime)).toMatchObject([{ path: "" }]);
  expect(schemaProblems({ $async: true, type: "object" }, {}, inTime)).toEqual([]);
});

test.each([
  { $ref: "#/$defs/a", $defs: { a: { $async: true, type: "object" } } },
  { $async: true, $ref: "#/$defs/a", $defs: { a: { $async: true, type: "object" } } },
  { $ref: "https://elsewhere.example/schema" },
])("a schema that cannot be used restricts nothing: %j", (schema) => {
  expect(schemaProblems(schema, 5, inTime)).toEqual([]);
});
