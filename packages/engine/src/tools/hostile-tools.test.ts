import { createVerifier } from "@dragoman/agui";
import { openMemoryStore, withFaults } from "@dragoman/event-log";
import fc from "fast-check";
import { describe, expect, it, onTestFinished } from "vitest";
import { attach, engineWith, input, readAll, request, runToEnd } from "../testing/harness.ts";
import { toolOf, turnAgent } from "../testing/tool-agents.ts";
import type { FunctionTool, ToolExecutor } from "./tool.ts";

const all = { namespace: "default", id: "" };

describe("a schema that may never end", () => {
  const parameters = {
    type: "object",
    properties: { text: { type: "string", pattern: "^(a+)+$" } },
  };

  it("is stopped in time, and the agent is told", async () => {
    const limits = { toolSchemaTimeoutMs: 200 };
    const args = { text: `${"a".repeat(60)}b` };
    const kind: ToolExecutor = { execute: async () => ({ content: "executed" }) };
    const agent = turnAgent([{ id: "c", name: "f", args }], [{ id: "d", name: "f", args: { text: "aa" } }]);
    const { engine } = await engineWith(agent, { limits, toolExecutors: { kind } });
    onTestFinished(() => engine.close(0));
    await engine.tools.register(
      all,
      [{ ...toolOf("f", "kind"), tool: { name: "f", description: "", parameters } }],
      false,
    );
    const seen = await runToEnd(engine, input("r"));
    const results = seen.flatMap(({ event }) => (event.type === "TOOL_CALL_RESULT" ? [event.content] : []));
    expect(results[0]).toContain("cannot be checked in time");
    expect(results[1]).toBe("executed");
  });
});

describe("a store that fails", () => {
  it("ends every run of tools as it should, and shows nothing that it does not hold", async () => {
    const add: FunctionTool = { name: "add", description: "", run: () => "done" };
    const turns = [
      [{ id: "a", name: "add" }],
      [
        { id: "b", name: "add" },
        { id: "c", name: "add" },
      ],
    ];
    for (let seed = 1; seed <= 12; seed++) {
      const store = withFaults(await openMemoryStore(), {
        seed,
        full: 0.1,
        failBefore: 0.1,
        failAfter: 0.1,
        failRead: 0.1,
      });
      store.enable(false);
      const { engine } = await engineWith(turnAgent(...turns), { store, functions: [add] });
      store.enable(true);
      const starts = Array.from({ length: 4 }, (_, index) =>
        engine.start(request({ ...input("r"), threadId: `t${index}` }), attach({ idleMs: 10_000 })),
      );
      const started = (await Promise.allSettled(starts)).flatMap((one) =>
        one.status === "fulfilled" ? [one.value] : [],
      );
      for (const { attachment } of started) {
        const seen = await readAll(attachment);
        const verifier = createVerifier();
        for (const { event } of seen) verifier.push(event);
        verifier.end();
        expect(seen.map(({ sequence }) => sequence)).toEqual(seen.map((_, index) => index + 1));
        const last = seen.at(-1)?.event;
        if (last?.type === "RUN_ERROR") expect(last.code).toBe("STORAGE_FAILED");
      }
      store.enable(false);
      await engine.close(0);
    }
  });
});

describe("whatever tools do", () => {
  const outcomes: Record<string, ToolExecutor["execute"]> = {
    answers: async (call) => ({ content: JSON.stringify(call.arguments) }),
    fails: () => Promise.reject(new Error("failed")),
    throws: () => {
      throw new Error("thrown");
    },
    hangs: () => new Promise(() => {}),
    floods: async () => ({ content: "x".repeat(600) }),
    says: async () => ({ content: "", error: "said" }),
    lies: async () => ({ content: null }) as never,
    late: (_call, _settings, signal) =>
      new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Error("late")))),
  };
  const kinds = Object.keys(outcomes);

  it("every call has one result, in a run that ends as it should and that every client accepts", async () => {
    const toolExecutors = Object.fromEntries(kinds.map((kind) => [kind, { execute: outcomes[kind]! }]));
    const turn = fc.array(
      fc.record({ kind: fc.constantFrom(...kinds, "nobody"), args: fc.constantFrom("{}", "", "[", "5") }),
      {
        minLength: 1,
        maxLength: 4,
      },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(turn, { minLength: 1, maxLength: 3 }), async (turns) => {
        const calls = turns.map((calls, round) =>
          calls.map(({ kind, args }, index) => ({ id: `c${round}-${index}`, name: kind, args })),
        );
        const limits = { toolResultMaxBytes: 500, toolCallsParallelMax: 2, toolTimeoutMs: 10 };
        const { engine } = await engineWith(turnAgent(...calls), { toolExecutors, limits });
        try {
          await engine.tools.register(
            all,
            kinds.map((kind) => toolOf(kind, kind)),
            false,
          );
          const seen = await runToEnd(engine, input("r"));
          const verifier = createVerifier();
          for (const { event } of seen) verifier.push(event);
          verifier.end();
          expect(seen.at(-1)?.event.type).toBe("RUN_FINISHED");
          const answered = seen.flatMap(({ event }) =>
            event.type === "TOOL_CALL_RESULT" ? [event.toolCallId] : [],
          );
          // Who calls what nobody registered leaves it to the client: no round follows.
          const lastRound = calls.findIndex((round) => round.some(({ name }) => name === "nobody"));
          const made = (lastRound < 0 ? calls : calls.slice(0, lastRound + 1)).flat();
          const expected = made.filter(({ name }) => name !== "nobody").map(({ id }) => id);
          expect(answered.sort()).toEqual(expected.sort());
        } finally {
          await engine.close(0);
        }
      }),
      { numRuns: 40 },
    );
  });
});
