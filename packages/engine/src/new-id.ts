import { randomUUID } from "node:crypto";

/** Makes an id for a session or a run: random, unique. */
export function newId(): string {
  return randomUUID();
}
