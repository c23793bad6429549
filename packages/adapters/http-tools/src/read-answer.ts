import type { EgressResponse } from "@dragoman/egress";
import type { ToolOutcome } from "./tool-executor.ts";

/** How much of the body of a failure goes to the agent, in characters. */
const maxExcerptLength = 1000;
const textTypes = /^(text\/.+|application\/((.+\+)?(json|xml)|x-ndjson))$/;

/** Makes the outcome of an answer: its text, or an error that says what came instead. */
export function readAnswer(response: EgressResponse, redact: (text: string) => string): ToolOutcome {
  const { status, headers, body } = response;
  const isSuccess = status >= 200 && status < 300;
  const type = headers["content-type"] ?? "";
  const text = body.length === 0 ? "" : textOf(body, type);
  if (isSuccess) return text === undefined ? failed(redact(notText(type))) : { content: text };
  // Cut after the secrets are gone, or the first half of one would be left.
  const said = text === undefined ? `(${mediaTypeOf(type)})` : excerpt(redact(text));
  return failed(said === "" ? `HTTP ${status}` : `HTTP ${status}: ${said}`);
}

/** The outcome of a call that failed, in words for the agent and for people. */
export function failed(message: string): ToolOutcome {
  return { content: message, error: message };
}

/** The body as text, or undefined where it is none. Without a type it is text if it can be. */
function textOf(body: Uint8Array, type: string): string | undefined {
  const mediaType = mediaTypeOf(type);
  if (mediaType !== "" && !textTypes.test(mediaType)) return undefined;
  const charset = /;\s*charset\s*=\s*"?([^\s";]+)/i.exec(type)?.[1] ?? "utf-8";
  try {
    return new TextDecoder(charset, { fatal: mediaType === "" }).decode(body);
  } catch {
    return undefined;
  }
}

function mediaTypeOf(type: string): string {
  return type.split(";", 1)[0]!.trim().toLowerCase().slice(0, 100);
}

function notText(type: string): string {
  const mediaType = mediaTypeOf(type);
  if (mediaType === "") return "The tool answered with bytes that are no text.";
  if (textTypes.test(mediaType)) return "The tool answered with text in a character set that is not known.";
  return `The tool answered with ${mediaType}, which is neither JSON nor text.`;
}

function excerpt(text: string): string {
  const short = text.trim();
  return short.length > maxExcerptLength
    ? short.slice(0, maxExcerptLength).replace(/[\ud800-\udbff]$/, "")
    : short;
}
