import type { AguiEvent } from "../types.ts";

/** The JSON text of an event, with `type` first, as readers of a stream like to see it. */
export function encodeEventJson(event: AguiEvent): string {
  const { type, ...rest } = event;
  return JSON.stringify({ type, ...rest });
}
