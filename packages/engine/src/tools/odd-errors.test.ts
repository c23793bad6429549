import { expect, it, onTestFinished } from "vitest";
import { engineWith, input, runToEnd, user } from "../testing/harness.ts";
import { turnAgent } from "../testing/tool-agents.ts";

const mute = () => {
  throw new Error("it says nothing");
};

const oddities: readonly [string, () => unknown][] = [
  [
    "an error whose message cannot be read",
    () => Object.defineProperty(new Error(), "message", { get: mute }),
  ],
  ["an error whose message is no text", () => Object.assign(new Error(), { message: { code: 1 } })],
  ["an object that is no error", () => ({ toString: mute })],
  ["nothing", () => undefined],
  ["what looks like no error when asked", () => new Proxy({}, { getPrototypeOf: mute })],
];

it.each(oddities)("a tool that throws %s has failed, and its run goes on", async (_, make) => {
  const odd = {
    name: "odd",
    description: "throws",
    run() {
      throw make();
    },
  };
  const sound = { name: "sound", description: "answers", run: () => "sound" };
  const agent = turnAgent([
    { id: "c1", name: "odd" },
    { id: "c2", name: "sound" },
  ]);
  const { engine } = await engineWith(agent, { functions: [odd, sound] });
  onTestFinished(() => engine.close(0));
  const seen = await runToEnd(engine, input("r", [user("u")]));
  const results = seen.flatMap(({ event }) =>
    event.type === "TOOL_CALL_RESULT" ? [[event.toolCallId, event.content]] : [],
  );
  expect(new Map(results as [string, string][])).toEqual(
    new Map([
      ["c1", "Error: The tool failed without a message."],
      ["c2", "sound"],
    ]),
  );
  expect(seen.at(-1)?.event.type).toBe("RUN_FINISHED");
});
