import type { JsonPatchOperation } from "@dragoman/agui";
import type { Play, Scene } from "../scene.ts";
import { say } from "../speak.ts";
import type { Stage } from "../stage.ts";
import { readTodos, type Todo, todosEvent } from "../todos.ts";

/** The longest list, in items. */
const maxTodos = 100;
/** The longest item, in characters. */
const maxTodoLength = 200;

const theList = "(?:the |my |our |this |that )?(?:(?:shopping|to-?do|todo) )?(?:list|notes?|todos?|items?)";
const add = new RegExp(
  `^(?:add|put|append|note|remember)(?: to)? (.+?)(?: (?:to|on|onto|in|into) ${theList})?$`,
  "i",
);
const remove = new RegExp(`^(?:remove|delete|drop|take|cross) (.+?)(?: (?:from|off|of) ${theList})?$`, "i");
const check =
  /^(?:check|tick|mark|finish|complete)(?: off)? (.+?)(?: (?:as )?(?:done|off|finished|complete))?$/i;
const clear = new RegExp(`^(?:clear|empty|reset)(?: ${theList})?$`, "i");
const show = new RegExp(
  `^(?:(?:show|read|print|display|list|give)(?: me)? |what(?:'s| is|s)(?: on| in)? )?${theList}$`,
  "i",
);

/** Shared state, changed by JSON Patch. */
export const list: Scene = {
  about: "keep a list in the state we share",
  example: "add milk and bread to the list",
  match({ text }) {
    if (show.test(text)) return (stage) => read(stage);
    if (clear.test(text)) return (stage) => change(stage, emptied());
    const added = add.exec(text)?.[1];
    if (added !== undefined) return (stage) => change(stage, addition(readTodos(stage.input.state), added));
    const removed = remove.exec(text)?.[1];
    if (removed !== undefined)
      return (stage) => change(stage, removal(readTodos(stage.input.state), removed));
    const checked = check.exec(text)?.[1];
    if (checked !== undefined)
      return (stage) => change(stage, checking(readTodos(stage.input.state), checked));
    return undefined;
  },
};

/** A change of the list: nothing to change where `patch` is empty. */
interface Change {
  readonly patch: JsonPatchOperation[];
  readonly todos: Todo[];
  readonly said: string;
}

async function* read(stage: Stage): Play {
  yield* say(stage, described(readTodos(stage.input.state)));
  return undefined;
}

async function* change(stage: Stage, { patch, todos, said }: Change): Play {
  if (patch.length === 0) {
    yield* say(stage, said);
    return undefined;
  }
  yield todosEvent(stage.input.state, patch, todos);
  yield* say(stage, `${said} ${described(todos)}`);
  return undefined;
}

function emptied(): Change {
  return { patch: [{ op: "replace", path: "/todos", value: [] }], todos: [], said: "Cleared." };
}

function addition(todos: readonly Todo[], items: string): Change {
  const known = new Set(todos.map(({ text }) => text.toLowerCase()));
  const texts = items
    .split(/\s*,\s*(?:and\s+)?|\s+and\s+/i)
    .map((text) => text.slice(0, maxTodoLength).toWellFormed().trim());
  const added = texts
    .filter((text) => text !== "" && !known.has(text.toLowerCase()))
    .map((text) => ({ text, done: false }));
  if (added.length === 0) return unchanged(todos, `${quoted(texts)} is on the list already.`);
  if (todos.length + added.length > maxTodos)
    return unchanged(todos, `The list holds at most ${maxTodos} items.`);
  const patch = added.map((value): JsonPatchOperation => ({ op: "add", path: "/todos/-", value }));
  return { patch, todos: [...todos, ...added], said: `Added ${quoted(added.map(({ text }) => text))}.` };
}

function removal(todos: readonly Todo[], item: string): Change {
  const index = indexOf(todos, item);
  if (index < 0) return unchanged(todos, `There is no "${item}" on the list. ${described(todos)}`);
  const patch: JsonPatchOperation[] = [{ op: "remove", path: `/todos/${index}` }];
  return { patch, todos: todos.toSpliced(index, 1), said: `Removed "${todos[index]!.text}".` };
}

function checking(todos: readonly Todo[], item: string): Change {
  const index = indexOf(todos, item);
  if (index < 0) return unchanged(todos, `There is no "${item}" on the list. ${described(todos)}`);
  const value: Todo = { text: todos[index]!.text, done: true };
  const patch: JsonPatchOperation[] = [{ op: "replace", path: `/todos/${index}`, value }];
  return { patch, todos: todos.with(index, value), said: `"${value.text}" is done.` };
}

function unchanged(todos: readonly Todo[], said: string): Change {
  return { patch: [], todos: [...todos], said };
}

/** By its words, else by a part of them, else by its number. */
function indexOf(todos: readonly Todo[], item: string): number {
  const wanted = item.toLowerCase().replace(/^(?:the|item|number|#) ?/, "");
  const texts = todos.map(({ text }) => text.toLowerCase());
  const exact = texts.findIndex((text) => text === wanted || text === item.toLowerCase());
  if (exact >= 0) return exact;
  if (/^\d{1,3}$/.test(wanted)) return Number(wanted) <= todos.length ? Number(wanted) - 1 : -1;
  return texts.findIndex((text) => text.includes(wanted));
}

function described(todos: readonly Todo[]): string {
  if (todos.length === 0) return "The list is empty.";
  const items = todos.map(({ text, done }, index) => `${index + 1}. ${text}${done ? " (done)" : ""}`);
  return `The list:\n${items.join("\n")}`;
}

function quoted(texts: readonly string[]): string {
  return texts.map((text) => `"${text}"`).join(", ");
}
