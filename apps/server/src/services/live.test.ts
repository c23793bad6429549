import type { MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import {
  type AguiEvent,
  eventFromMessage,
  inputToMessage,
  type Json,
  patchOperationToMessage,
} from "@dragoman/agui";
import {
  LiveControl_Action as Action,
  type LiveSessionRequestSchema,
  type LiveSessionResponse,
} from "@dragoman/contract/agent/v1/live_service_pb";
import {
  ChatControl_Action as ChatAction,
  ChatStatus_State as State,
} from "@dragoman/contract/orchestrator/v1/chat_service_pb";
import { errorReasonOf } from "@dragoman/rpc";
import { waitUntil, withTimeout } from "@dragoman/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { held } from "../testing/script-run.ts";
import { type Services, servicesOver } from "../testing/services.ts";
import { Talk } from "../testing/talk.ts";
import { startTestServer, type TestServer } from "../testing/test-server.ts";
import { openWires, type Wires } from "../testing/wires.ts";

type Input = MessageInitShape<typeof LiveSessionRequestSchema>["input"];

let server: TestServer;
let wires: Wires;
beforeAll(async () => {
  server = await startTestServer({ heartbeatMs: "200" });
  wires = openWires(server.url);
});
afterAll(async () => {
  wires.close();
  await server.close();
});

let count = 0;
/** Begins a run of an agent of the server in a session of its own. */
function begin(content: string, agentId = "demo", forwardedProps: Json = {}) {
  const threadId = `live-${++count}`;
  const messages = [{ id: "m0", role: "user" as const, content }];
  const input = inputToMessage({ threadId, runId: "r", messages, forwardedProps });
  return { threadId, start: { case: "start", value: { agentId, input } } satisfies Input };
}
const say = (id: string, content: string): Input => ({
  case: "message",
  value: { id, role: "user", content },
});
const control = (action: Action): Input => ({ case: "control", value: { action } });

/** One live session, held by a test. */
class Session {
  readonly items: LiveSessionResponse[] = [];
  readonly ended: Promise<unknown>;
  readonly #inputs: Input[];
  readonly #leave = new AbortController();
  #isDone = false;
  #wake = () => {};

  constructor({ live }: Services, ...inputs: Input[]) {
    this.#inputs = inputs;
    this.ended = withTimeout(this.#read(live), "the session").catch((error: unknown) => error);
  }

  send(...inputs: Input[]): void {
    this.#inputs.push(...inputs);
    this.#wake();
  }

  done(): void {
    this.#isDone = true;
    this.#wake();
  }

  /** Drops the stream. */
  leave(): void {
    this.#leave.abort();
  }

  get events(): AguiEvent[] {
    return this.items.flatMap(({ item }) => (item.case === "event" ? [eventFromMessage(item.value)] : []));
  }

  get text(): string {
    return this.events
      .map((event) => (event.type === "TEXT_MESSAGE_CONTENT" ? `${event.delta}` : ""))
      .join("");
  }

  get taken(): bigint[] {
    return this.items.flatMap(({ item }) => (item.case === "taken" ? [item.value.requestNumber] : []));
  }

  async #read(live: Services["live"]): Promise<void> {
    const { signal } = this.#leave;
    for await (const item of live.liveSession(this.#requests(), { signal })) this.items.push(item);
  }

  async *#requests() {
    for (;;) {
      const next = this.#inputs.shift();
      if (next) yield { input: next };
      else if (this.#isDone) return;
      else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }
}

describe.each(["gRPC", "Connect, HTTP/2", "Connect JSON, HTTP/2"] as const)("over %s", (name) => {
  const all = () => servicesOver(wires.transport(name));

  test("a run of the server is talked to, and what was said is in its log", async () => {
    const { threadId, start } = begin("count to 500 every 50 ms");
    const session = new Session(all(), start);
    await waitUntil(() => session.text.includes("1 2"), "numbers");
    session.send(say("m1", "what is 6 * 7"), say("m2", "stop"));
    expect(await session.ended).toBeUndefined();
    expect(session.taken).toEqual([2n, 3n]);
    expect(session.text).toMatch(/6 \* 7 = 42.*I stop at \d+\.$/);
    expect(session.items[0]?.logId).not.toBe("");
    const places = session.items.flatMap(({ sequence }) =>
      sequence === undefined ? [] : [Number(sequence)],
    );
    expect(places).toEqual(places.map((_, index) => index + 1));
    const { messages } = await all().sessions.listMessages({ sessionId: threadId });
    expect(messages.filter(({ role }) => role === "user").map(({ id }) => id)).toEqual(["m0", "m1", "m2"]);
  });
});

describe("a live session of the server", () => {
  const all = () => servicesOver(wires.transport("gRPC"));

  test("is paused, resumed and cancelled", async () => {
    const { threadId, start } = begin("count to 500 every 5 ms");
    const session = new Session(all(), start);
    await waitUntil(() => session.text.includes("1 2"), "numbers");
    const chat = new Talk(all(), { chatId: threadId });
    const stands = (state: State) =>
      chat.until(({ statuses }) => statuses.at(-1)?.state === state, State[state]);
    session.send(control(Action.PAUSE));
    await stands(State.PAUSED);
    session.send(control(Action.RESUME));
    await stands(State.RUNNING);
    session.send(control(Action.CANCEL));
    await session.ended;
    chat.leave();
    expect(session.events.at(-1)).toMatchObject({ type: "RUN_FINISHED", outcome: { type: "cancelled" } });
  });

  test.each(["says all", "is gone"])("is not left paused by a caller that %s", async (what) => {
    const { threadId, start } = begin("count to 500 every 20 ms");
    const session = new Session(all(), start);
    const chat = new Talk(all(), { chatId: threadId });
    const stands = (state: State) =>
      chat.until(({ statuses }) => statuses.at(-1)?.state === state, State[state]);
    await waitUntil(() => session.text.includes("1 2"), "numbers");
    session.send(control(Action.PAUSE));
    await stands(State.PAUSED);
    if (what === "says all") session.done();
    else session.leave();
    await stands(State.RUNNING);
    chat.control(ChatAction.CANCEL);
    await chat.decided(1);
    await session.ended;
    chat.leave();
  });

  test("goes on when all is said", async () => {
    const session = new Session(all(), begin("say one two three").start);
    session.done();
    expect(await session.ended).toBeUndefined();
    expect(session.text).toBe("one two three");
  });

  test("takes nothing for an agent that does not listen, and what it cannot use", async () => {
    const { start, threadId } = begin("", "script", held);
    const session = new Session(all(), start);
    await waitUntil(() => session.events.length > 1, "the agent");
    session.send(
      say("m1", "hi"),
      { case: "toolResult", value: { toolCallId: "nothing", content: "" } },
      { case: "interruptAnswer", value: { interruptId: "nothing", status: "cancelled" } },
      control(Action.CANCEL),
    );
    expect(await session.ended).toBeUndefined();
    expect(session.taken).toEqual([]);
    const { messages } = await all().sessions.listMessages({ sessionId: threadId });
    expect(messages.map(({ id }) => id)).not.toContain("m1");
  });

  test("changes the shared state", async () => {
    const { start, threadId } = begin("count to 500 every 50 ms");
    const session = new Session(all(), start);
    await waitUntil(() => session.text.includes("1 2"), "numbers");
    const patch = [patchOperationToMessage({ op: "add", path: "/a", value: 1 })];
    session.send({ case: "statePatch", value: { patch } });
    await waitUntil(() => session.taken.length === 1, "the patch to be taken");
    session.send(say("m1", "stop"));
    await session.ended;
    expect(session.events.map(({ type }) => type)).toContain("STATE_DELTA");
    const { state } = await all().state.getState({ sessionId: threadId });
    expect(state?.kind).toMatchObject({ value: { fields: { a: { kind: { value: 1 } } } } });
  });

  test.each([
    ["nothing", () => [], Code.InvalidArgument, "INVALID_REQUEST"],
    ["a message first", () => [say("m", "hi")], Code.InvalidArgument, "INVALID_REQUEST"],
    [
      "a second start",
      () => [begin("count to 500 every 50 ms").start, begin("hi").start],
      Code.InvalidArgument,
      "INVALID_REQUEST",
    ],
    ["no such agent", () => [begin("hi", "nobody").start], Code.NotFound, "AGENT_NOT_FOUND"],
  ] as const)("refuses %s", async (_, inputs, code, reason) => {
    const session = new Session(all(), ...inputs());
    if (inputs().length === 0) session.done();
    const error = await session.ended;
    expect([ConnectError.from(error).code, errorReasonOf(error)]).toEqual([code, reason]);
  });
});
