import type { AguiEvent, Json, JsonPatchOperation } from "@dragoman/agui";
import { isObject } from "./json.ts";

/** An item of the shared list. */
export interface Todo {
  readonly text: string;
  readonly done: boolean;
}

/** The list in the shared state. Clients may write there too, so that anything may be found in it. */
export function readTodos(state: Json): Todo[] {
  if (!isObject(state) || !Array.isArray(state.todos)) return [];
  return state.todos.map(readTodo);
}

function readTodo(item: Json): Todo {
  if (typeof item === "string") return { text: item, done: false };
  if (isObject(item) && typeof item.text === "string") return { text: item.text, done: item.done === true };
  return { text: JSON.stringify(item), done: false };
}

/**
 * The event that changes the list: `patch` where there is a list, else what creates it. `todos` is the list after
 * the change.
 */
export function todosEvent(state: Json, patch: JsonPatchOperation[], todos: readonly Todo[]): AguiEvent {
  if (!isObject(state)) return { type: "STATE_SNAPSHOT", snapshot: { todos } };
  if (Array.isArray(state.todos)) return { type: "STATE_DELTA", delta: patch };
  return { type: "STATE_DELTA", delta: [{ op: "add", path: "/todos", value: todos }] };
}
