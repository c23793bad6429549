import { create, fromJson, type JsonValue, type MessageInitShape, toJson } from "@bufbuild/protobuf";
import { type Value, ValueSchema } from "@bufbuild/protobuf/wkt";
import { Code } from "@connectrpc/connect";
import { JsonPatchOperationType as Op } from "@dragoman/contract/agui/v1/state_event_pb";
import type { StatePatchSchema } from "@dragoman/contract/orchestrator/v1/state_service_pb";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Services, servicesOver } from "../testing/services.ts";
import { startTestServer, type TestServer } from "../testing/test-server.ts";
import { openWires, refusedCall, type Wires } from "../testing/wires.ts";

let server: TestServer;
let wires: Wires;
let services: Services;
beforeAll(async () => {
  server = await startTestServer();
  wires = openWires(server.url);
  services = servicesOver(wires.transport("gRPC"));
});
afterAll(async () => {
  wires.close();
  await server.close();
});

const value = (json: JsonValue): Value => fromJson(ValueSchema, json);
const number = (numberValue: number) =>
  create(ValueSchema, { kind: { case: "numberValue", value: numberValue } });
const inObject = (member: Value) => {
  return create(ValueSchema, { kind: { case: "structValue", value: { fields: { member } } } });
};
type Operation = NonNullable<MessageInitShape<typeof StatePatchSchema>["operations"]>[number];

const patch = (...operations: Operation[]) => ({ case: "patch", value: { operations } }) as const;

async function newSession(state: JsonValue = {}): Promise<string> {
  const { session } = await services.sessions.createSession({ initialState: value(state) });
  return session?.sessionId ?? "";
}

describe("what is not well formed is an invalid request, and the server logs no error of its own", () => {
  const malformed = { code: Code.InvalidArgument, reason: "INVALID_REQUEST" };

  test.each([
    ["NaN", number(Number.NaN)],
    ["infinity inside", inObject(number(Number.POSITIVE_INFINITY))],
    ["a value with nothing set", create(ValueSchema)],
    ["a member with nothing set", inObject(create(ValueSchema))],
  ])("%s", async (_, bad) => {
    const sessionId = await newSession();
    for (const change of [
      { case: "replacement", value: bad },
      { case: "mergePatch", value: bad },
      patch({ op: Op.ADD, path: "/a", value: bad }),
    ] as const) {
      expect(await refusedCall(services.state.updateState({ sessionId, change }))).toMatchObject(malformed);
    }
    expect(await refusedCall(services.sessions.createSession({ initialState: bad }))).toMatchObject(
      malformed,
    );
  });

  test.each<[string, Operation]>([
    ["an operation with nothing set", {}],
    ["an operation that is none", { op: 99 as Op, path: "/a", value: value(1) }],
    ["no value to add", { op: Op.ADD, path: "/a" }],
    ["no value to test", { op: Op.TEST, path: "/a" }],
    ["no place to move from", { op: Op.MOVE, path: "/a" }],
    ["a path that is no pointer", { op: Op.REMOVE, path: "a" }],
    ["an escape that is none", { op: Op.REMOVE, path: "/a~2" }],
    ["a place to copy from that is no pointer", { op: Op.COPY, path: "/a", from: "b" }],
  ])("%s", async (_, operation) => {
    const sessionId = await newSession({ a: 1 });
    const change = patch(operation);
    expect(await refusedCall(services.state.updateState({ sessionId, change }))).toMatchObject(malformed);
  });
});

test("null is a value of a patch, and any text is a key", async () => {
  const sessionId = await newSession({ a: 1 });
  const keys: JsonValue = JSON.parse('{"__proto__": {"x": 1}, "": {"": 2}, "a/b": 3, "c~d": 4, "ü": 5}');
  await services.state.updateState({ sessionId, change: { case: "mergePatch", value: value(keys) } });
  const operations = [{ op: Op.REPLACE, path: "/a", value: value(null) }];
  await services.state.updateState({ sessionId, change: { case: "patch", value: { operations } } });
  const pointers = ["/a", "/__proto__/x", "//", "/a~1b", "/c~0d", "/ü", "/toString", "/constructor/name"];
  const { state } = await services.state.getState({ sessionId, keys: pointers });
  expect(toJson(ValueSchema, state as Value)).toEqual({
    "/a": null,
    "/__proto__/x": 1,
    "//": 2,
    "/a~1b": 3,
    "/c~0d": 4,
    "/ü": 5,
  });
});
