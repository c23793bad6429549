import type { AguiEvent } from "@dragoman/agui";

/** An event as server-sent events carry it. */
export interface SseEvent {
  readonly id: string | undefined;
  readonly event: AguiEvent;
}

/** Posts a run as a program without any client library does. */
export function postRun(url: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
}

/** Reads a stream of server-sent events to its end. */
export async function readSse(response: Response): Promise<SseEvent[]> {
  return parseSse(await response.text());
}

/** Reads the text of a stream of server-sent events. Comments are skipped. */
export function parseSse(text: string): SseEvent[] {
  return text
    .split("\n\n")
    .map((block) => block.split("\n").filter((line) => line !== "" && !line.startsWith(":")))
    .filter((lines) => lines.length > 0)
    .map((lines) => {
      const field = (name: string) =>
        lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
      return { id: field("id"), event: JSON.parse(field("data") ?? "null") as AguiEvent };
    });
}

/** Everything that the log of a session holds. */
export async function readLog(baseUrl: string, sessionId: string, query = ""): Promise<SseEvent[]> {
  const response = await fetch(`${baseUrl}/sessions/${encodeURIComponent(sessionId)}/events${query}`);
  if (response.status === 204) return [];
  if (!response.ok) throw new Error(`HTTP ${response.status}: ${await response.text()}`);
  return readSse(response);
}

/** What a refused request says: its HTTP status, the code of its status, and the ErrorInfo. */
export interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly message: string;
  readonly reason: string | undefined;
  readonly metadata: Readonly<Record<string, string>>;
}

/** Reads a refusal as JSON clients get it. */
export async function refusalOf(response: Response): Promise<Refusal> {
  return parseRefusal(response.status, await response.text());
}

/** Reads a refusal out of a body. */
function parseRefusal(status: number, text: string): Refusal {
  const body = JSON.parse(text) as { code: string; message: string; details?: { debug?: unknown }[] };
  const info = body.details?.map(({ debug }) => debug).find((debug) => debug && typeof debug === "object");
  const { reason, metadata } = (info ?? {}) as { reason?: string; metadata?: Record<string, string> };
  return { status, code: body.code, message: body.message, reason, metadata: metadata ?? {} };
}
