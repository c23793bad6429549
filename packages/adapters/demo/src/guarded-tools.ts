import type { AguiEvent, Json, JsonObject, Tool } from "@dragoman/agui";
import { readTodos, type Todo, todosEvent } from "./todos.ts";

/** What came of a tool that had to be approved. */
export interface Outcome {
  /** What the tool answers. */
  readonly result: JsonObject;
  /** What it changed in the shared state, if anything. */
  readonly change?: AguiEvent;
  /** What the assistant says about it. */
  readonly said: string;
}

/** A tool that is used only after somebody agreed. */
export interface GuardedTool extends Tool {
  readonly parameters: JsonObject;
  /** The question. */
  ask(args: JsonObject): string;
  /** Does it. A string is what is wrong with the arguments, which people may have edited. */
  execute(args: JsonObject, state: Json): Outcome | string;
}

const deleteNotes: GuardedTool = {
  name: "delete_notes",
  description: "Deletes the notes on the shared list.",
  parameters: {
    type: "object",
    properties: {
      which: { type: "string", enum: ["all", "done"], description: "All, or those that are done." },
    },
    required: ["which"],
    additionalProperties: false,
  },
  ask: ({ which }) =>
    `May I delete ${which === "done" ? "the notes that are done" : "all notes"}? It cannot be undone.`,
  execute({ which }, state) {
    if (which !== "all" && which !== "done") return 'which must be "all" or "done"';
    const todos = readTodos(state);
    const kept: Todo[] = which === "all" ? [] : todos.filter(({ done }) => !done);
    const deleted = todos.length - kept.length;
    const change = todosEvent(state, [{ op: "replace", path: "/todos", value: kept }], kept);
    return { result: { deleted }, change, said: `I deleted ${deleted} of ${todos.length} notes.` };
  },
};

const sendReport: GuardedTool = {
  name: "send_report",
  description: "Sends the report to somebody. A demonstration: nothing leaves this program.",
  parameters: {
    type: "object",
    properties: {
      to: { type: "string", minLength: 1, maxLength: 200 },
      subject: { type: "string", maxLength: 200 },
    },
    required: ["to"],
    additionalProperties: false,
  },
  ask: ({ to }) => `May I send the report to ${to}?`,
  execute({ to, subject = "Report" }) {
    if (typeof to !== "string" || to === "" || to.length > 200)
      return "to must be a text of 1 to 200 characters";
    if (typeof subject !== "string" || subject.length > 200)
      return "subject must be a text of at most 200 characters";
    const said = `I sent the report "${subject}" to ${to}. As this is a demonstration, nothing really left.`;
    return { result: { sent: true, simulated: true, to, subject }, said };
  },
};

/** All of them, by name. */
export const guardedTools: Readonly<Record<string, GuardedTool>> = {
  delete_notes: deleteNotes,
  send_report: sendReport,
};
