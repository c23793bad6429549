import type * as core from "@ag-ui/core";
import { expectTypeOf, test } from "vitest";
import type { AgentCapabilities, AguiEvent, Message, RunAgentInput, Tool } from "./types.ts";

/** AG-UI's types with the enum of event types replaced by the strings that it stands for. */
type Plain<E> = E extends { type: core.EventType } ? Omit<E, "type"> & { type: `${E["type"]}` } : never;
/** What AG-UI's parser makes of an input: the lists are there even if the JSON had none. */
type Filled<I extends RunAgentInput> = I & Required<Pick<I, "tools" | "context">>;
/** RUN_STARTED may repeat an input, whose lists are optional in JSON. */
type FilledEvent<E> = E extends { type: "RUN_STARTED" }
  ? Omit<E, "input"> & { input?: Filled<RunAgentInput> }
  : E;

test("the types agree with those of @ag-ui/core in both directions", () => {
  expectTypeOf<Plain<core.Event>>().toExtend<AguiEvent>();
  expectTypeOf<FilledEvent<AguiEvent>>().toExtend<Plain<core.Event>>();
  expectTypeOf<AguiEvent["type"]>().toEqualTypeOf<`${core.EventType}`>();
  expectTypeOf<core.Message>().toExtend<Message>();
  expectTypeOf<Message>().toExtend<core.Message>();
  expectTypeOf<core.RunAgentInput>().toExtend<RunAgentInput>();
  expectTypeOf<Filled<RunAgentInput>>().toExtend<core.RunAgentInput>();
  expectTypeOf<core.Tool>().toExtend<Tool>();
  expectTypeOf<Tool>().toExtend<core.Tool>();
  expectTypeOf<core.AgentCapabilities>().toExtend<AgentCapabilities>();
  expectTypeOf<AgentCapabilities>().toExtend<core.AgentCapabilities>();
});
