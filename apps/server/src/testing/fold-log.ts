import { type AguiEvent, createReducer, type Message } from "@dragoman/agui";
import { readLog } from "./http.ts";

/** What a reader holds. */
export interface Held {
  readonly messages: readonly Message[];
  readonly state: unknown;
}

/** What somebody holds who was given these events. */
export function foldEvents(events: readonly AguiEvent[]): Held {
  const reducer = createReducer({});
  for (const event of events) reducer.push(event);
  return { messages: reducer.messages, state: reducer.state };
}

/** What somebody holds who read the whole log of a session. */
export async function foldLog(baseUrl: string, sessionId: string): Promise<Held> {
  return foldEvents((await readLog(baseUrl, sessionId)).map(({ event }) => event));
}
