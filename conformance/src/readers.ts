import { createClient, type Transport } from "@connectrpc/connect";
import {
  type AguiEvent,
  decodeEvent,
  eventFromMessage,
  inputToMessage,
  type RunAgentInput,
} from "@dragoman/agui";
import { AGUIService } from "@dragoman/contract/agent/v1/agui_service_pb";
import { RunService } from "@dragoman/contract/orchestrator/v1/run_service_pb";
import { aguiBinaryType, type Wire } from "./clients.ts";

/** An event of a run with its place in the log. */
export interface PlacedEvent {
  readonly sequence: number;
  readonly event: AguiEvent;
}

/** Where to go on reading a run. */
export interface Place {
  readonly sessionId: string;
  readonly runId: string;
  /** The sequence of the last event that the reader holds. */
  readonly after: number;
}

/** Starts a run over a wire and reads its events. Leaving the loop cuts the connection. */
export function startRun(
  wire: Wire,
  baseUrl: string,
  agentId: string,
  input: RunAgentInput,
): AsyncGenerator<PlacedEvent> {
  if (wire.transport !== undefined) return startOverRpc(wire.transport, agentId, input);
  const request = new Request(`${baseUrl}/agents/${agentId}`, {
    method: "POST",
    headers: { "content-type": "application/json", accept: String(wire.accept) },
    body: JSON.stringify({ ...input, protocolVersion: "1.0" }),
  });
  return readHttp(request, 0);
}

/** Reads what comes after a place of a run, over any wire. Leaving the loop cuts the connection. */
export function observeRun(wire: Wire, baseUrl: string, place: Place): AsyncGenerator<PlacedEvent> {
  if (wire.transport !== undefined) return observeOverRpc(wire.transport, place);
  const { sessionId, runId, after } = place;
  const path = `/sessions/${encodeURIComponent(sessionId)}/runs/${encodeURIComponent(runId)}/events`;
  const request = new Request(`${baseUrl}${path}?after=${after}`, {
    headers: { accept: String(wire.accept) },
  });
  return readHttp(request, after);
}

async function* startOverRpc(
  transport: Transport,
  agentId: string,
  input: RunAgentInput,
): AsyncGenerator<PlacedEvent> {
  const abort = new AbortController();
  const client = createClient(AGUIService, transport);
  try {
    const request = { agentId, input: inputToMessage(input) };
    for await (const { item, sequence } of client.runAgent(request, { signal: abort.signal })) {
      if (item.case === "event") yield { sequence: Number(sequence), event: eventFromMessage(item.value) };
    }
  } finally {
    abort.abort();
  }
}

async function* observeOverRpc(transport: Transport, place: Place): AsyncGenerator<PlacedEvent> {
  const abort = new AbortController();
  const client = createClient(RunService, transport);
  try {
    const request = { sessionId: place.sessionId, runId: place.runId, afterSequence: BigInt(place.after) };
    for await (const { item, sequence } of client.observeRun(request, { signal: abort.signal })) {
      if (item.case === "event") yield { sequence: Number(sequence), event: eventFromMessage(item.value) };
    }
  } finally {
    abort.abort();
  }
}

async function* readHttp(request: Request, after: number): AsyncGenerator<PlacedEvent> {
  const abort = new AbortController();
  try {
    const response = await fetch(request, { signal: abort.signal });
    if (response.status === 204) return;
    if (!response.ok) throw new Error(`HTTP ${response.status}: ${await response.text()}`);
    if (response.body === null) throw new Error("the response has no body");
    const isBinary = response.headers.get("content-type") === aguiBinaryType;
    yield* isBinary ? readBinary(response.body, after) : readSse(response.body);
  } finally {
    abort.abort();
  }
}

/** Binary frames carry no place; they are dense, so it can be counted. */
async function* readBinary(body: AsyncIterable<Uint8Array>, after: number): AsyncGenerator<PlacedEvent> {
  let rest: Uint8Array = new Uint8Array();
  let sequence = after;
  for await (const chunk of body) {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= 4) {
      const end = 4 + new DataView(rest.buffer, rest.byteOffset).getUint32(0);
      if (rest.length < end) break;
      sequence++;
      yield { sequence, event: decodeEvent(rest.subarray(4, end)) };
      rest = rest.subarray(end);
    }
  }
  if (rest.length > 0) throw new Error(`the stream ended inside a frame, ${rest.length} bytes in`);
}

async function* readSse(body: AsyncIterable<Uint8Array>): AsyncGenerator<PlacedEvent> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of body) {
    rest += decoder.decode(chunk, { stream: true });
    for (let end = rest.indexOf("\n\n"); end >= 0; end = rest.indexOf("\n\n")) {
      const placed = parseSse(rest.slice(0, end));
      if (placed !== undefined) yield placed;
      rest = rest.slice(end + 2);
    }
  }
  if (rest !== "") throw new Error(`the stream ended inside an event: ${rest}`);
}

/** Reads one block: `id: <log>:<sequence>` and `data: <event>`; undefined for a comment. */
function parseSse(block: string): PlacedEvent | undefined {
  const fields = block.split("\n").map((line) => line.split(/: ?(.*)/s));
  const data = fields.filter(([name]) => name === "data").map(([, value]) => value);
  if (data.length === 0) return undefined;
  const id = fields.find(([name]) => name === "id")?.[1] ?? "";
  return { sequence: Number(id.slice(id.lastIndexOf(":") + 1)), event: JSON.parse(data.join("\n")) };
}
