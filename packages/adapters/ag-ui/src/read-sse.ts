import type { AgentOutput } from "@dragoman/agent";
import type { AguiEvent } from "@dragoman/agui";
import { excerpt, UpstreamError, UpstreamTruncatedError } from "./errors.ts";
import type { EventReader } from "./event-reader.ts";
import { createLineReader } from "./read-lines.ts";

const colon = 0x3a;
const space = 0x20;
const dataField = Buffer.from("data");
/** What a line may have around its data: the field name and half a line end. */
const lineExtraBytes = "data: \r".length;
const byteOrderMark = Buffer.from([0xef, 0xbb, 0xbf]);

/**
 * Reads `text/event-stream`: LF or CRLF, data over several lines, and ids, event names, retries and comments,
 * which AG-UI gives no meaning and which are skipped.
 *
 * Each event is parsed as JSON and passed on as it is: the host upgrades and checks it, as it does for all agents.
 */
export function createSseReader(maxEventBytes: number): EventReader {
  const lines = createLineReader(maxEventBytes + lineExtraBytes, () => tooLarge(maxEventBytes));
  // The data lines of the event that is not complete yet.
  let data: string[] = [];
  let dataBytes = 0;
  let first = true;

  /** Keeps a data line; true where the line is the blank one that completes an event. */
  function take(line: Uint8Array): boolean {
    const value = dataOf(first ? withoutByteOrderMark(line) : line);
    first = false;
    if (value === undefined) return line.length === 0 && data.length > 0;
    dataBytes += value.length;
    if (dataBytes > maxEventBytes) tooLarge(maxEventBytes);
    data.push(Buffer.from(value.buffer, value.byteOffset, value.length).toString("utf8"));
    return false;
  }

  function complete(): string {
    const text = data.length === 1 ? data[0]! : data.join("\n");
    data = [];
    dataBytes = 0;
    return text;
  }

  function* push(chunk: Uint8Array): Generator<AgentOutput, void> {
    for (const line of lines.push(chunk)) {
      if (take(line)) yield parse(complete());
    }
  }

  function* finish(): Generator<AgentOutput, void> {
    const line = lines.finish();
    if (line !== undefined) take(line);
    if (data.length > 0) yield parseLast(complete());
  }

  return { push, finish };
}

/** The value of a `data` line; undefined for a comment, another field or a blank line. */
function dataOf(line: Uint8Array): Uint8Array | undefined {
  if (!startsWith(line, dataField)) return undefined;
  if (line.length === dataField.length) return new Uint8Array(0);
  if (line[dataField.length] !== colon) return undefined;
  const start = dataField.length + 1;
  return line.subarray(line[start] === space ? start + 1 : start);
}

function withoutByteOrderMark(line: Uint8Array): Uint8Array {
  return startsWith(line, byteOrderMark) ? line.subarray(byteOrderMark.length) : line;
}

function startsWith(bytes: Uint8Array, prefix: Uint8Array): boolean {
  return bytes.length >= prefix.length && prefix.every((byte, index) => bytes[index] === byte);
}

function parse(text: string): AgentOutput {
  try {
    // The one place where JSON of an unknown shape becomes an event in name: the host checks every event it gets.
    return JSON.parse(text) as AguiEvent;
  } catch (cause) {
    const message = `The upstream agent sent an event that is not JSON: ${excerpt(text)}`;
    throw new UpstreamError("UPSTREAM_MALFORMED", message, { cause });
  }
}

/** Some servers leave out the blank line behind their last event. If what is there is a whole event, it counts. */
function parseLast(text: string): AgentOutput {
  try {
    return parse(text);
  } catch (cause) {
    throw new UpstreamTruncatedError("The upstream agent's stream stopped within an event.", { cause });
  }
}

function tooLarge(maxEventBytes: number): never {
  const message = `The upstream agent sent an event of more than ${maxEventBytes} bytes.`;
  throw new UpstreamError("UPSTREAM_TOO_LARGE", message);
}
