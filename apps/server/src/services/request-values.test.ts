import { create } from "@bufbuild/protobuf";
import { type Value, ValueSchema } from "@bufbuild/protobuf/wkt";
import { Code } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ask, askAsTold, question } from "../testing/asking.ts";
import { type RecordingAgent, startRecordingAgent } from "../testing/recording-agent.ts";
import { type Services, servicesOver } from "../testing/services.ts";
import { startTestServer, type TestServer } from "../testing/test-server.ts";
import { openWires, refusedCall, type Wires } from "../testing/wires.ts";

let recorder: RecordingAgent;
let server: TestServer;
let wires: Wires;
beforeAll(async () => {
  recorder = await startRecordingAgent();
  recorder.script = askAsTold;
  server = await startTestServer({ agent: [`asker=ag-ui:${recorder.url}`] });
  wires = openWires(server.url);
});
afterAll(async () => {
  wires.close();
  await server.close();
  await recorder[Symbol.asyncDispose]();
});

const refused = { code: Code.InvalidArgument, reason: "INVALID_REQUEST" };
const id = () => crypto.randomUUID();
const number = (value: number): Value => create(ValueSchema, { kind: { case: "numberValue", value } });
const message = { id: "m", role: "user", content: "[]" } as const;
const said = { input: { case: "message", value: message } } as const;

/** The values that google.protobuf has and JSON has not. */
const values: readonly [string, Value][] = [
  ["NaN", number(Number.NaN)],
  ["Infinity", number(Number.POSITIVE_INFINITY)],
  ["a value with nothing set", create(ValueSchema)],
];

// JSON wires cannot carry them at all.
describe.each(["gRPC", "Connect, HTTP/2", "gRPC-Web, HTTP/1.1"] as const)("over %s", (name) => {
  const services = (): Services => servicesOver(wires.transport(name));

  test.each(values)("%s is refused wherever a value is taken, and nothing is done", async (_, value) => {
    const { sessions, humanInLoop, chat } = services();
    const chatId = id();
    expect(await refusedCall(sessions.createSession({ initialState: value }))).toMatchObject(refused);
    const sessionId = await ask(services(), "asker", [question("a")]);
    const decision = { case: "input", value } as const;
    const answer = humanInLoop.resolveInterrupt({ sessionId, interruptId: "a", decision });
    expect(await refusedCall(answer)).toMatchObject(refused);
    const inChat = { interruptId: "a", status: "resolved", payload: value };
    const answered = { input: { case: "interruptAnswer", value: inChat } } as never;
    const told = chat.sendChatInput({ chatId: sessionId, input: answered });
    expect(await refusedCall(told)).toMatchObject(refused);
    const { session } = await sessions.getSession({ sessionId });
    expect(session?.openInterruptIds).toEqual(["a"]);
    const sent = chat.sendChatInput({
      chatId,
      agentId: "asker",
      forwardedProps: value,
      input: said as never,
    });
    expect(await refusedCall(sent)).toMatchObject(refused);
    expect(await refusedCall(sessions.getSession({ sessionId: chatId }))).toMatchObject({
      reason: "SESSION_NOT_FOUND",
    });
  });

  test.each([Number.NaN, Number.NEGATIVE_INFINITY])("%d is refused within an object", async (bad) => {
    const { sessions, humanInLoop, tools } = services();
    const object = { list: [{ bad }] };
    const create = sessions.createSession({ options: { metadata: object } });
    expect(await refusedCall(create)).toMatchObject(refused);
    const sessionId = await ask(services(), "asker", [question("a", { toolCallId: "call" })]);
    const approve = (value: object, metadata?: object) =>
      refusedCall(
        humanInLoop.resolveInterrupt({
          sessionId,
          interruptId: "a",
          decision: { case: "approve", value },
          ...(metadata && { metadata: metadata as never }),
        }),
      );
    expect(await approve({ editedArguments: object })).toMatchObject(refused);
    expect(await approve({}, object)).toMatchObject(refused);
    const { session } = await sessions.getSession({ sessionId });
    expect(session?.openInterruptIds).toEqual(["a"]);
    const execute = tools.executeTool({ sessionId, toolName: "any", arguments: object });
    expect(await refusedCall(execute)).toMatchObject(refused);
  });
});

test.each(values)(
  "%s is refused on a chat's stream: at its beginning, and with an input",
  async (_, value) => {
    const { chat } = servicesOver(wires.transport("gRPC"));
    const init = { chatId: id(), agentId: "asker" };
    async function* opening() {
      yield { request: { case: "init", value: { ...init, initialState: value } } } as const;
    }
    expect(await refusedCall(chat.streamingChat(opening()))).toMatchObject(refused);
    async function* talking() {
      yield { request: { case: "init", value: { ...init, forwardedProps: value } } } as const;
      yield { request: { case: "input", value: said } } as const;
    }
    const items: unknown[] = [];
    for await (const { item } of chat.streamingChat(talking() as never)) items.push(item);
    expect(items).toContainEqual(
      expect.objectContaining({ case: "rejected", value: expect.objectContaining(refused) }),
    );
  },
);
