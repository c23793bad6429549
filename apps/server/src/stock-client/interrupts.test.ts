import type { Interrupt, ResumeEntry } from "@ag-ui/client";
import type { AguiEvent } from "@dragoman/agui";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { foldLog } from "../testing/fold-log.ts";
import { postRun, readLog, refusalOf } from "../testing/http.ts";
import { type RecordingAgent, startRecordingAgent } from "../testing/recording-agent.ts";
import { forms, lastText, StockAgent, type StockRun, typesOf } from "../testing/stock-agent.ts";
import { startTestServer, type TestServer } from "../testing/test-server.ts";

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

const yes = { approved: true };
const answer = (interruptId: string, payload: unknown = yes): ResumeEntry[] => [
  { interruptId, status: "resolved", payload },
];

function interruptsOf({ events }: StockRun): Interrupt[] {
  const last = events.at(-1);
  if (last?.type !== "RUN_FINISHED" || last.outcome?.type !== "interrupt") return [];
  return last.outcome.interrupts as Interrupt[];
}

/** A conversation that waits for an approval. */
async function asked(form: "sse" | "binary"): Promise<{ agent: StockAgent; interrupt: Interrupt }> {
  const agent = new StockAgent(server.url, { form });
  await agent.say("add milk to the list");
  const [interrupt] = interruptsOf(await agent.say("delete all notes"));
  if (!interrupt) throw new Error("nothing was asked");
  return { agent, interrupt };
}

/** Another tab: it knows the thread, and nothing of what waits. */
const otherTab = (agent: StockAgent) => new StockAgent(server.url, { threadId: agent.threadId });

const resume = (agent: StockAgent, entries: ResumeEntry[]) =>
  postRun(`${server.url}/agents/demo`, {
    threadId: agent.threadId,
    runId: crypto.randomUUID(),
    protocolVersion: "1.0",
    messages: [],
    resume: entries,
  });

describe.each(forms)("interrupts with the stock client over %s", (form) => {
  test("the answer comes with a new run, and only then the action is done", async () => {
    const { agent, interrupt } = await asked(form);
    expect(interrupt.toolCallId).toBeDefined();
    expect(agent.state.todos).toHaveLength(1);
    const run = await agent.go({ resume: answer(interrupt.id) });
    expect(run.error).toBeUndefined();
    expect(typesOf(run.events)).toContain("TOOL_CALL_RESULT");
    expect(typesOf(run.events)).not.toContain("TOOL_CALL_START");
    expect(lastText(agent)).toContain("I deleted 1 of 1 notes");
    expect(agent.state.todos).toEqual([]);
    expect(agent.messages).toEqual((await foldLog(server.url, agent.threadId)).messages);
  });

  test("a declined one does nothing", async () => {
    const { agent, interrupt } = await asked(form);
    await agent.go({ resume: answer(interrupt.id, { approved: false }) });
    expect(agent.state.todos).toHaveLength(1);
  });

  test("a run that does not answer gets the same question again; the agent is not called", async () => {
    const { agent, interrupt } = await asked(form);
    const other = new StockAgent(server.url, { form, threadId: agent.threadId });
    const run = await other.say("add eggs to the list");
    expect(typesOf(run.events).filter((type) => type !== "STATE_SNAPSHOT")).toEqual([
      "RUN_STARTED",
      "RUN_FINISHED",
    ]);
    expect(interruptsOf(run)).toEqual([interrupt]);
    const resumed = await other.go({ resume: answer(interrupt.id) });
    expect(interruptsOf(resumed)).toEqual([]);
    expect(lastText(other)).toContain("I deleted");
  });

  test("an answer to a decided one is refused and says who decided", async () => {
    const { agent, interrupt } = await asked(form);
    const runId = crypto.randomUUID();
    await agent.go({ runId, resume: answer(interrupt.id) });
    const late = await otherTab(agent).go({ resume: answer(interrupt.id) });
    expect(late.error?.message).toContain("409");
    expect(await refusalOf(await resume(agent, answer(interrupt.id)))).toMatchObject({
      status: 409,
      code: "already_exists",
      reason: "INTERRUPT_DECIDED",
      metadata: { interrupt_id: interrupt.id, status: "resolved", run_id: runId },
    });
  });

  test("the same answer again, with the same run, joins it", async () => {
    const { agent, interrupt } = await asked(form);
    const twin = otherTab(agent);
    twin.setMessages(agent.messages);
    twin.setState(agent.state);
    const config = { runId: crypto.randomUUID(), resume: answer(interrupt.id) };
    const first = await agent.go(config);
    const again = await twin.go(config);
    expect(again.error).toBeUndefined();
    expect(typesOf(again.events)).toEqual(typesOf(first.events));
    expect(twin.messages).toEqual(agent.messages);
  });

  test("an answer that does not match the schema is refused before any run; the question stays", async () => {
    const { agent, interrupt } = await asked(form);
    const before = await readLog(server.url, agent.threadId);
    const bad = await otherTab(agent).go({ resume: answer(interrupt.id, { approved: "yes" }) });
    expect(bad.error?.message).toContain("400");
    const refusal = await refusalOf(await resume(agent, answer(interrupt.id, { approved: "yes" })));
    expect(refusal).toMatchObject({
      status: 400,
      code: "invalid_argument",
      reason: "INVALID_INTERRUPT_PAYLOAD",
      metadata: { interrupt_id: interrupt.id, path: "/approved" },
    });
    expect(await readLog(server.url, agent.threadId)).toEqual(before);
    const run = await agent.go({ resume: answer(interrupt.id) });
    expect(run.error).toBeUndefined();
    expect(lastText(agent)).toContain("I deleted");
  });

  test("an answer to something that was never asked goes to the agent", async () => {
    const agent = new StockAgent(server.url, { form });
    const run = await agent.go({ resume: answer("nobody-asked") });
    expect(run.error).toBeUndefined();
    expect(lastText(agent)).toContain("do not remember");
  });
});

describe("several interrupts", () => {
  let recorder: RecordingAgent;
  let own: TestServer;
  const open: Interrupt[] = [
    { id: "a", reason: "input" },
    { id: "b", reason: "input" },
    { id: "old", reason: "input", expiresAt: "2001-01-01T00:00:00Z" },
  ];

  beforeAll(async () => {
    recorder = await startRecordingAgent();
    own = await startTestServer({ agent: [`recorder=ag-ui:${recorder.url}`] });
  });
  afterAll(async () => {
    await own.close();
    await recorder[Symbol.asyncDispose]();
  });

  const post = (threadId: string, entries: ResumeEntry[] = [], query = "") =>
    postRun(`${own.url}/agents/recorder${query}`, {
      threadId,
      runId: crypto.randomUUID(),
      protocolVersion: "1.0",
      messages: [],
      resume: entries,
    });
  const last = async (response: Response): Promise<AguiEvent | undefined> => {
    const lines = (await response.text()).split("\n").filter((line) => line.startsWith("data: "));
    return JSON.parse(lines.at(-1)?.slice(6) ?? "null");
  };
  const ask = async (interrupts: Interrupt[]) => {
    const threadId = crypto.randomUUID();
    recorder.script = ({ threadId: thread, runId }) => [
      { type: "RUN_FINISHED", threadId: thread, runId, outcome: { type: "interrupt", interrupts } },
    ];
    await (await post(threadId)).text();
    recorder.script = () => [];
    return threadId;
  };

  test("answered in parts: the rest is asked again, and the agent gets all answers at the end", async () => {
    const threadId = await ask(open.slice(0, 2));
    const calls = recorder.inputs.length;
    expect(await last(await post(threadId, answer("a", 1)))).toMatchObject({
      outcome: { type: "interrupt", interrupts: [open[1]] },
    });
    expect(recorder.inputs).toHaveLength(calls);
    expect(await last(await post(threadId, answer("b", 2)))).toMatchObject({ type: "RUN_FINISHED" });
    expect(recorder.inputs).toHaveLength(calls + 1);
    expect(recorder.inputs.at(-1)?.resume).toEqual([...answer("a", 1), ...answer("b", 2)]);
  });

  test("an expired one can only be cancelled", async () => {
    const threadId = await ask(open.slice(2));
    expect(await refusalOf(await post(threadId, answer("old")))).toMatchObject({
      status: 400,
      code: "failed_precondition",
      reason: "INTERRUPT_EXPIRED",
      metadata: { interrupt_id: "old" },
    });
    const cancelled: ResumeEntry[] = [{ interruptId: "old", status: "cancelled" }];
    await (await post(threadId, cancelled)).text();
    expect(recorder.inputs.at(-1)?.resume).toEqual(cancelled);
  });

  test("onOpenInterrupts=cancel answers them as cancelled and runs", async () => {
    const threadId = await ask(open.slice(0, 2));
    await (await post(threadId, [], "?onOpenInterrupts=cancel")).text();
    expect(recorder.inputs.at(-1)?.resume).toEqual([
      { interruptId: "a", status: "cancelled" },
      { interruptId: "b", status: "cancelled" },
    ]);
  });

  test("the same id in a later run is another question", async () => {
    const threadId = await ask(open.slice(0, 1));
    recorder.script = ({ threadId: thread, runId }) => [
      {
        type: "RUN_FINISHED",
        threadId: thread,
        runId,
        outcome: { type: "interrupt", interrupts: open.slice(0, 1) },
      },
    ];
    expect(await last(await post(threadId, answer("a", 1)))).toMatchObject({
      outcome: { type: "interrupt", interrupts: [open[0]] },
    });
    recorder.script = () => [];
    expect(await last(await post(threadId, answer("a", 2)))).toMatchObject({ type: "RUN_FINISHED" });
    expect(recorder.inputs.at(-1)?.resume).toEqual(answer("a", 2));
  });

  test("one interrupt is answered once in a request", async () => {
    const threadId = await ask(open.slice(0, 1));
    const twice = [...answer("a", 1), ...answer("a", 2)];
    expect(await refusalOf(await post(threadId, twice))).toMatchObject({
      status: 400,
      reason: "INVALID_INPUT",
    });
  });
});
