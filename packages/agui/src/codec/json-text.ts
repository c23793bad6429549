import type { AguiEvent } from "../types.ts";

/** The JSON text of an event, with `type` first, as readers of a stream like to see it. */
export function encodeEventJson(event: AguiEvent): string {
  if (beginsWithType(event)) return JSON.stringify(event);
  const { type, ...rest } = event;
  return JSON.stringify({ type, ...rest });
}

function beginsWithType(event: AguiEvent): boolean {
  for (const name in event) return name === "type";
  return false;
}
