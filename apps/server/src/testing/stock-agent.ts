import { type BaseEvent, HttpAgent, type Message, type State } from "@ag-ui/client";
import type { AguiEvent } from "@dragoman/agui";

/** The forms that the stock client reads over HTTP. */
export const forms = ["sse", "binary"] as const;
export type Form = (typeof forms)[number];

/** What the stock client is made with. */
export interface StockOptions {
  /** Default `demo`. */
  readonly agentId?: string;
  readonly threadId?: string;
  readonly messages?: Message[];
  readonly state?: State;
  readonly form?: Form;
}

/** What a run is started with, as the stock client takes it. */
export type RunConfig = NonNullable<Parameters<HttpAgent["runAgent"]>[0]>;

/** What came of a run. */
export interface StockRun {
  /** The events that passed the client's checks, in order. */
  readonly events: readonly AguiEvent[];
  /** What the client rejected the run with. */
  readonly error: Error | undefined;
}

/** The stock client as a front end uses it: it holds the conversation and sends all of it with every run. */
export class StockAgent extends HttpAgent {
  constructor(baseUrl: string, options: StockOptions = {}) {
    const { agentId = "demo", threadId, messages, state, form = "sse" } = options;
    super({
      url: `${baseUrl}/agents/${agentId}`,
      fetch: fetchWithQuietCancel,
      // The stock agent asks for SSE; a header that is spelt differently is joined with its own.
      headers: form === "binary" ? { accept: "application/vnd.ag-ui.event+proto" } : {},
      ...(threadId !== undefined && { threadId }),
      ...(messages !== undefined && { initialMessages: messages }),
      ...(state !== undefined && { initialState: state }),
    });
  }

  /** Says something and waits for the answer. */
  say(text: string, config: RunConfig = {}): Promise<StockRun> {
    this.addMessage({ id: crypto.randomUUID(), role: "user", content: text });
    return this.go(config);
  }

  /** Runs with what the conversation holds. */
  async go(config: RunConfig = {}, onEvent?: (event: AguiEvent) => void): Promise<StockRun> {
    const events: AguiEvent[] = [];
    const subscriber = {
      onEvent({ event }: { event: BaseEvent }) {
        events.push(event as AguiEvent);
        onEvent?.(event as AguiEvent);
      },
    };
    let error: Error | undefined;
    await this.runAgent(config, subscriber).catch((reason: Error) => {
      error = reason;
    });
    return { events, error };
  }
}

/**
 * Fetches. The stock client cancels a body that has failed already and lets that failure go unhandled, which
 * ends a Node process; here it is dropped, since the run is rejected with it anyway.
 */
async function fetchWithQuietCancel(url: string, init: RequestInit): Promise<Response> {
  const response = await fetch(url, init);
  const body = response.body;
  const getReader = () => {
    const reader = body?.getReader();
    return { read: () => reader?.read(), cancel: () => reader?.cancel().catch(() => {}) };
  };
  return response.ok ? Object.defineProperty(response, "body", { value: { getReader } }) : response;
}

/** The types of events, in order. */
export const typesOf = (events: readonly AguiEvent[]) => events.map(({ type }) => type);

/** The text of the last message. */
export function lastText(agent: HttpAgent): string {
  const content = agent.messages.at(-1)?.content;
  return typeof content === "string" ? content : JSON.stringify(content);
}
