import { expect, test } from "vitest";
import { UsageError } from "../usage-error.ts";
import { type DefinitionFlags, definedTool } from "./tool-definition.ts";

test.each<[string | undefined, DefinitionFlags, string]>([
  [undefined, {}, "Name the tool"],
  ["a", {}, "Say who executes"],
  ["a", { url: "http://x", client: true }, "Say who executes"],
  ["a", { client: true, method: "GET" }, "--method and --header"],
  ["a", { url: "http://x", header: ["oops"] }, "--header takes"],
  ["a", { url: "http://x", header: [":x"] }, "--header takes"],
  ["a", { client: true, parameters: "{" }, "--parameters takes"],
  ["a", { client: true, timeoutMs: "0" }, "--timeout-ms takes"],
  ["a", { client: true, timeoutMs: "3600001" }, "--timeout-ms takes"],
])("a tool %s of %j is none", (name, flags, message) => {
  expect(() => definedTool(name, flags)).toThrow(UsageError);
  expect(() => definedTool(name, flags)).toThrow(message);
});

test("flags are a tool of an endpoint or of clients", () => {
  const header = ["authorization: Bearer a:b"];
  const { executor } = definedTool("a", { url: "http://x", method: "get", header, timeoutMs: "1500" });
  expect(executor?.kind).toMatchObject({
    case: "http",
    value: {
      method: "GET",
      headers: { authorization: "Bearer a:b" },
      timeout: { seconds: 1n, nanos: 500_000_000 },
    },
  });
  const { tool } = definedTool("a", { client: true, description: "d", parameters: '{"type": "object"}' });
  expect(tool).toMatchObject({ name: "a", description: "d" });
});
