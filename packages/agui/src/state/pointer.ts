import { isObject, pointerOf } from "../json/problem.ts";
import type { Json } from "../types.ts";
import { memberOf } from "./json-value.ts";

/** What was given as a JSON Pointer (RFC 6901) is none. */
export class InvalidPointerError extends Error {
  override readonly name = "InvalidPointerError";
  /** What was given. */
  readonly pointer: string;

  constructor(pointer: string) {
    super(
      `${quoteShortly(pointer)} is no JSON Pointer: it has to be empty or begin with "/", and "~" in a key is written "~0", "/" is written "~1"`,
    );
    this.pointer = pointer;
  }
}

/** How much of what a caller wrote is repeated in a message. */
const maxQuotedCharacters = 200;

/** A text in quotes for a message, cut where it is long. */
export function quoteShortly(text: string): string {
  return JSON.stringify(text.length > maxQuotedCharacters ? `${text.slice(0, maxQuotedCharacters)}…` : text);
}

/** The keys of a JSON Pointer. Throws {@link InvalidPointerError}. */
export function parsePointer(pointer: string): string[] {
  const isPointer = pointer === "" || (pointer.startsWith("/") && !/~(?![01])/.test(pointer));
  if (!isPointer) throw new InvalidPointerError(pointer);
  return keysIn(pointer);
}

/** The keys of a pointer that is known to be well formed, or read leniently. */
export function keysIn(pointer: string): string[] {
  return pointer
    .split("/")
    .slice(1)
    .map((key) => (key.includes("~") ? key.replaceAll("~1", "/").replaceAll("~0", "~") : key));
}

/** The pointer to a member or element of what another pointer names. */
export function pointerTo(parent: string, key: string | number): string {
  return parent + pointerOf([key]);
}

/** Whether a key names an element of a list, as RFC 6901 writes it: no sign, no leading zero. */
export function isListIndex(key: string): boolean {
  return /^(0|[1-9]\d*)$/.test(key);
}

/** What is at a place in a JSON value. Undefined if there is nothing. */
export function valueAt(root: Json, keys: readonly string[]): Json | undefined {
  let value: Json | undefined = root;
  for (const key of keys) {
    if (Array.isArray(value)) value = isListIndex(key) ? value[Number(key)] : undefined;
    else if (isObject(value)) value = memberOf(value, key);
    else return undefined;
  }
  return value;
}
