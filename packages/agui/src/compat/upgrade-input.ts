import type { ConversionWarning } from "./profile.ts";
import { isRecord, mapList, type UnknownRecord, withoutNulls } from "./records.ts";

/**
 * Turns a run's input of AG-UI 0.x into one of 1.0: "binary" content parts become images, audio, video or
 * documents, and nulls that used to stand for absent fields go. What is 1.0 already, or no input at all, stays
 * as it is. Nothing is validated.
 */
export function upgradeInput(value: unknown, onWarning: ConversionWarning = () => {}): unknown {
  if (!isRecord(value)) return value;
  let input = withoutNulls(value, ["forwardedProps", "state"]);
  input = mapList(input, "tools", (tool) => (isRecord(tool) ? withoutNulls(tool, ["parameters"]) : tool));
  input = mapList(input, "resume", (entry) => (isRecord(entry) ? withoutNulls(entry, ["payload"]) : entry));
  return mapList(input, "messages", (message) => upgradeMessage(message, onWarning));
}

/** Turns a message of AG-UI 0.x into one of 1.0, as {@link upgradeInput} does. */
export function upgradeMessage(value: unknown, onWarning: ConversionWarning = () => {}): unknown {
  if (!isRecord(value) || !Array.isArray(value.content)) return value;
  const message = mapList(value, "content", (part) =>
    isMedia(part) ? withoutNulls(part, ["metadata"]) : part,
  );
  const parts = message.content as readonly unknown[];
  if (!parts.some(isBinary)) return message;
  const content = parts.flatMap((part) => {
    if (!isBinary(part)) return [part];
    const upgraded = upgradeBinary(part);
    if (upgraded === undefined) {
      onWarning("A binary content part without data, url and id cannot be converted.");
      return [part];
    }
    // Clients of the transition sent both forms of one attachment.
    return parts.some((other) => shows(other, upgraded)) ? [] : [upgraded];
  });
  return { ...message, content };
}

const MEDIA: readonly unknown[] = ["image", "audio", "video", "document"];

function isMedia(part: unknown): part is UnknownRecord {
  return isRecord(part) && MEDIA.includes(part.type);
}

interface BinaryPart extends UnknownRecord {
  readonly mimeType: string;
}

function isBinary(part: unknown): part is BinaryPart {
  return isRecord(part) && part.type === "binary" && typeof part.mimeType === "string";
}

interface MediaPart {
  readonly type: string;
  readonly source: { readonly type: string; readonly value: string; readonly mimeType: string };
  readonly metadata?: { readonly filename: string };
}

/** The part in its form of today, which names where the content is: inline, at a URL, or with the provider. */
function upgradeBinary({ mimeType, data, url, id, filename }: BinaryPart): MediaPart | undefined {
  const kind = mimeType.split("/", 1)[0] ?? "";
  const type = MEDIA.includes(kind) ? kind : "document";
  const metadata = typeof filename === "string" && filename !== "" ? { metadata: { filename } } : {};
  const sources = { data, url, file: id };
  for (const [source, value] of Object.entries(sources)) {
    if (typeof value !== "string" || value === "") continue;
    return { type, source: { type: source, value, mimeType }, ...metadata };
  }
  return undefined;
}

/** Whether another part shows the same attachment, with nothing of it lost. */
function shows(part: unknown, { type, source, metadata }: MediaPart): boolean {
  if (!isRecord(part) || part.type !== type || !isRecord(part.source)) return false;
  const other = part.source;
  const isSame =
    other.type === source.type && other.value === source.value && other.mimeType === source.mimeType;
  if (!isSame || metadata === undefined) return isSame;
  return isRecord(part.metadata) && part.metadata.filename === metadata.filename;
}
