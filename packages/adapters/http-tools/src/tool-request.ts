import type { EgressRequest } from "@dragoman/egress";
import { type HttpToolSettings, hasBody } from "./settings.ts";
import type { ToolCall } from "./tool-executor.ts";

/** A call that cannot be made a request of. The message is for the agent. */
export class ToolRequestError extends Error {
  override readonly name = "ToolRequestError";
}

/** Makes the request of a call, without its limits. Throws `ToolRequestError`. */
export function toolRequest(
  call: ToolCall,
  { url, method = "POST", headers = {} }: HttpToolSettings,
  maxUrlLength: number,
): Pick<EgressRequest, "url" | "method" | "headers" | "body"> {
  const own = {
    accept: "application/json, text/*;q=0.9",
    ...headers,
    "x-dragoman-session-id": headerText(call.sessionId),
    "x-dragoman-run-id": headerText(call.runId),
    "idempotency-key": headerText(call.toolCallId),
  };
  if (!hasBody(method)) return { url: withQuery(url, call.arguments, maxUrlLength), method, headers: own };
  const body = jsonOf(call.arguments ?? {});
  return { url, method, headers: { "content-type": "application/json", ...own }, body };
}

/** An id as the value of a header: percent-encoded where it is not visible ASCII, and where it has a percent sign. */
function headerText(id: string): string {
  return id.toWellFormed().replace(/[^\x21-\x24\x26-\x7e]+/g, encodeURIComponent);
}

function withQuery(text: string, args: unknown, maxUrlLength: number): string {
  const url = new URL(text);
  if (typeof args !== "object" || args === null || Array.isArray(args)) {
    if (args === undefined || args === null) return url.href;
    throw new ToolRequestError("The arguments of this tool must be an object: they become query parameters.");
  }
  const registered = new Set(url.searchParams.keys());
  for (const [name, value] of Object.entries(args)) {
    if (value === undefined) continue;
    if (registered.has(name)) {
      throw new ToolRequestError(
        `The argument ${JSON.stringify(name)} is already set by the tool's URL; leave it out.`,
      );
    }
    url.searchParams.append(name, typeof value === "string" ? value : jsonOf(value));
  }
  if (url.href.length <= maxUrlLength) return url.href;
  throw new ToolRequestError(
    `The arguments are too long for query parameters (maxUrlLength is ${maxUrlLength}).`,
  );
}

function jsonOf(value: unknown): string {
  try {
    return JSON.stringify(value) ?? "null";
  } catch (cause) {
    throw new ToolRequestError("The arguments cannot be written as JSON.", { cause });
  }
}
