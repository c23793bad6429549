import { Code } from "@connectrpc/connect";
import { toValue } from "@dragoman/client";
import { InterruptState } from "@dragoman/contract/orchestrator/v1/interrupt_pb";
import { withTimeout } from "@dragoman/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ask, askAsTold, endedRun, question, takeItems } from "../testing/asking.ts";
import { type RecordingAgent, startRecordingAgent } from "../testing/recording-agent.ts";
import { type Services, servicesOver } from "../testing/services.ts";
import { lastText, StockAgent, typesOf } from "../testing/stock-agent.ts";
import { startTestServer, type TestServer } from "../testing/test-server.ts";
import { openWires, refusedCall, type WireName, type Wires } from "../testing/wires.ts";

let recorder: RecordingAgent;
let server: TestServer;
let wires: Wires;
beforeAll(async () => {
  recorder = await startRecordingAgent();
  recorder.script = askAsTold;
  server = await startTestServer({ heartbeatMs: "200", agent: [`asker=ag-ui:${recorder.url}`] });
  wires = openWires(server.url);
});
afterAll(async () => {
  wires.close();
  await server.close();
  await recorder[Symbol.asyncDispose]();
});

const over = (name: WireName): Services => servicesOver(wires.transport(name));

type Request =
  Parameters<Services["humanInLoop"]["humanInLoop"]>[0] extends AsyncIterable<infer T> ? T : never;
const approve = { case: "approve", value: {} } as const;
const deny = { case: "deny", value: {} } as const;

/** Requests that are sent one by one, as somebody decides. */
function requests() {
  const waiting: (Request | undefined)[] = [];
  let wake = () => {};
  const push = (request: Request | undefined) => {
    waiting.push(request);
    wake();
  };
  return {
    send: (request: Request["request"]) => push({ request } as Request),
    end: () => push(undefined),
    async *[Symbol.asyncIterator]() {
      for (;;) {
        while (waiting.length === 0)
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        const next = waiting.shift();
        if (!next) return;
        yield next;
      }
    },
  };
}

/** Wires that can carry two streams at once. */
const bidiWires = ["gRPC", "Connect, HTTP/2", "Connect JSON, HTTP/2"] as const;

describe.each(bidiWires)("one stream over %s", (name) => {
  function open(filter: object) {
    const services = over(name);
    const sending = requests();
    const leaving = new AbortController();
    const stream = services.humanInLoop.humanInLoop(sending, { signal: leaving.signal });
    sending.send({ case: "watch", value: { filter } as never });
    return { services, sending, stream: stream[Symbol.asyncIterator](), leave: () => leaving.abort() };
  }

  test("shows what waits, takes answers, and tells what became of them", async () => {
    const sessionId = await ask(over(name), "asker", [question("a"), question("b")]);
    const { services, sending, stream, leave } = open({ sessionId });
    const first = await takeItems(stream, 3);
    expect(first.map((item) => item.case)).toEqual(["interrupt", "interrupt", "caughtUp"]);
    const answer = (interruptId: string, decision: typeof approve | typeof deny) =>
      sending.send({ case: "resolve", value: { sessionId, interruptId, decision } as never });
    answer("a", approve);
    answer("nobody", approve);
    answer("a", deny);
    answer("b", deny);
    const items = await takeItems(stream, 4 + 3);
    const outcomes = items.filter((item) => item.case === "resolved" || item.case === "rejected");
    expect(outcomes).toMatchObject([
      { case: "resolved", value: { openInterruptIds: ["b"], resumedRunId: "" } },
      {
        case: "rejected",
        value: { interruptId: "nobody", sessionId, code: 5, reason: "INTERRUPT_NOT_FOUND" },
      },
      { case: "rejected", value: { code: 6, reason: "INTERRUPT_DECIDED", metadata: { status: "resolved" } } },
      { case: "resolved", value: { openInterruptIds: [] } },
    ]);
    const changed = items.flatMap((item) => (item.case === "interrupt" ? [item.value] : []));
    expect(changed.every(({ state }) => state === InterruptState.RESOLVED)).toBe(true);
    const last = outcomes.at(-1);
    const runId = last?.case === "resolved" ? last.value.resumedRunId : "";
    expect((await endedRun(services, sessionId, runId))?.runId).toBe(runId);
    expect((await takeHeartbeat(stream)).case).toBe("heartbeat");
    leave();
  });

  test("ends after the outcomes when no more answers come", async () => {
    const sessionId = await ask(over(name), "asker", [question("a")]);
    const { sending, stream } = open({ sessionId });
    sending.send({ case: "resolve", value: { sessionId, interruptId: "a", decision: approve } as never });
    sending.end();
    const cases: (string | undefined)[] = [];
    for (let next = await stream.next(); !next.done; next = await stream.next())
      cases.push(next.value.item.case);
    expect(cases).toContain("caughtUp");
    expect(cases).toContain("resolved");
  });

  test("takes an answer that breaks a rule of the contract as one that is rejected", async () => {
    const { sending, stream, leave } = open({ sessionId: "none" });
    await takeItems(stream, 1);
    const broken = [
      { sessionId: "", interruptId: "a", decision: approve },
      { sessionId: "s", interruptId: "x".repeat(300), decision: approve },
      { sessionId: "s", interruptId: "a" },
    ];
    for (const value of broken) sending.send({ case: "resolve", value: value as never });
    const items = await takeItems(stream, 3);
    for (const item of items)
      expect(item).toMatchObject({ case: "rejected", value: { code: 3, reason: "INVALID_REQUEST" } });
    leave();
  });

  test("begins with watch, and has it once", async () => {
    const services = over(name);
    const resolve = { case: "resolve", value: { sessionId: "s", interruptId: "a", decision: approve } };
    const watch = { case: "watch", value: {} };
    const of = async function* (...all: object[]) {
      for (const request of all) yield { request } as Request;
    };
    const refused = { code: Code.InvalidArgument, reason: "INVALID_REQUEST" };
    expect(await refusedCall(services.humanInLoop.humanInLoop(of(resolve)))).toMatchObject(refused);
    expect(await refusedCall(services.humanInLoop.humanInLoop(of()))).toMatchObject(refused);
    expect(await refusedCall(services.humanInLoop.humanInLoop(of(watch, watch)))).toMatchObject(refused);
  });

  test("is shown what another stream answers", async () => {
    const sessionId = await ask(over(name), "asker", [question("a")]);
    const one = open({ sessionId });
    const two = open({ sessionId });
    await Promise.all([takeItems(one.stream, 2), takeItems(two.stream, 2)]);
    for (const { sending, decision } of [
      { ...one, decision: approve },
      { ...two, decision: deny },
    ])
      sending.send({ case: "resolve", value: { sessionId, interruptId: "a", decision } as never });
    const seen = await Promise.all([takeItems(one.stream, 2), takeItems(two.stream, 2)]);
    const outcomes = seen.flat().filter((item) => item.case !== "interrupt");
    expect(outcomes.map((item) => item.case).sort()).toEqual(["rejected", "resolved"]);
    for (const items of seen)
      expect(items.find((item) => item.case === "interrupt")?.value).toMatchObject({
        state: InterruptState.RESOLVED,
      });
    one.leave();
    two.leave();
  });
});

async function takeHeartbeat(stream: AsyncIterator<{ item: { case: string | undefined } }>) {
  const next = await withTimeout(stream.next(), "a heartbeat");
  return next.done ? { case: "end" } : next.value.item;
}

describe("beside a stock AG-UI client", () => {
  const interruptOf = (events: readonly { type: string }[]): string => {
    const last = events.at(-1) as { outcome?: { interrupts?: { id: string }[] } } | undefined;
    return last?.outcome?.interrupts?.[0]?.id ?? "";
  };

  test("what it was asked is answered by somebody else; its own answer is late", async () => {
    const { humanInLoop, ...services } = over("gRPC");
    const agent = new StockAgent(server.url);
    await agent.say("add milk to the list");
    const interruptId = interruptOf((await agent.say("delete all notes")).events);
    const sessionId = agent.threadId;
    const { resumedRunId } = await humanInLoop.resolveInterrupt({
      sessionId,
      interruptId,
      decision: approve,
    });
    await endedRun({ humanInLoop, ...services }, sessionId, resumedRunId);
    const resume = [{ interruptId, status: "resolved" as const, payload: { approved: false } }];
    expect((await agent.go({ resume })).error?.message).toContain("409");
    const { state } = await services.state.getState({ sessionId });
    expect(state).toEqual(toValue({ todos: [] }));
  });

  test("it answers, and the inbox is told; edited arguments are checked and used", async () => {
    const { humanInLoop } = over("gRPC");
    const agent = new StockAgent(server.url);
    await agent.say("add milk to the list");
    const interruptId = interruptOf((await agent.say("delete all notes")).events);
    const sessionId = agent.threadId;
    const leaving = new AbortController();
    const { signal } = leaving;
    const watch = humanInLoop.watchInterrupts({ filter: { sessionId } }, { signal })[Symbol.asyncIterator]();
    await takeItems(watch, 2);
    const bad = { case: "approve", value: { editedArguments: { which: "some" } } } as const;
    expect(
      await refusedCall(humanInLoop.resolveInterrupt({ sessionId, interruptId, decision: bad })),
    ).toMatchObject({ reason: "INVALID_INTERRUPT_PAYLOAD", metadata: { path: "/editedArgs/which" } });
    const payload = { approved: true, editedArgs: { which: "done" } };
    const run = await agent.go({ resume: [{ interruptId, status: "resolved", payload }] });
    expect(typesOf(run.events)).toContain("TOOL_CALL_RESULT");
    expect(lastText(agent)).toContain("I deleted 0 of 1 notes");
    const [changed] = await takeItems(watch, 1);
    expect(changed?.value).toMatchObject({ state: InterruptState.RESOLVED });
    leaving.abort();
    const again = { case: "input", value: toValue(payload) } as const;
    const first = await humanInLoop.resolveInterrupt({ sessionId, interruptId, decision: again });
    expect(first.interrupt?.runId).not.toBe(first.resumedRunId);
  });

  test("an answer to one and a run with an answer to the other are one answer", async () => {
    const { humanInLoop } = over("gRPC");
    const sessionId = await ask(over("gRPC"), "asker", [question("a"), question("b")]);
    await humanInLoop.resolveInterrupt({ sessionId, interruptId: "a", decision: approve });
    const agent = new StockAgent(server.url, { agentId: "asker", threadId: sessionId });
    const resume = [
      { interruptId: "a", status: "resolved" as const, payload: { approved: true } },
      { interruptId: "b", status: "resolved" as const, payload: { approved: false } },
    ];
    const run = await agent.go({ resume });
    expect(run.error).toBeUndefined();
    expect(run.events.find(({ type }) => type === "CUSTOM")).toMatchObject({ value: resume });
  });

  test.each([1, 2, 3, 4])("both answer at once: the agent acts once (%i)", async () => {
    const { humanInLoop } = over("gRPC");
    const sessionId = await ask(over("gRPC"), "asker", [question("a")]);
    const agent = new StockAgent(server.url, { agentId: "asker", threadId: sessionId });
    const resume = [{ interruptId: "a", status: "resolved" as const, payload: { approved: false } }];
    const [theirs, ours] = await Promise.allSettled([
      agent.go({ resume }).then((run) => {
        if (run.error) throw run.error;
      }),
      humanInLoop.resolveInterrupt({ sessionId, interruptId: "a", decision: approve }),
    ]);
    expect([theirs.status, ours.status].sort()).toEqual(["fulfilled", "rejected"]);
    const { interrupt } =
      ours.status === "fulfilled"
        ? ours.value
        : await humanInLoop.resolveInterrupt({ sessionId, interruptId: "a", decision: deny });
    await endedRun(over("gRPC"), sessionId, interrupt?.resumedRunId ?? "");
    const acted = recorder.inputs.filter(
      ({ threadId, resume = [] }) => threadId === sessionId && resume.length > 0,
    );
    expect(acted).toHaveLength(1);
  });
});
