import type { ContentPart } from "@dragoman/agui";
import type { ChatCompletionContentPart } from "openai/resources/chat/completions";

/** The audio formats that the API takes, by media type. */
const audioFormats: Readonly<Record<string, "mp3" | "wav">> = {
  "audio/mpeg": "mp3",
  "audio/mp3": "mp3",
  "audio/wav": "wav",
  "audio/x-wav": "wav",
  "audio/wave": "wav",
};

/** The parts of a user's message as the API takes them. What it cannot take becomes a note that it was there. */
export function chatContent(content: string | ContentPart[]): string | ChatCompletionContentPart[] {
  if (typeof content === "string") return content;
  return content.map((part) => chatPart(part) ?? { type: "text", text: note(part) });
}

/** The parts as one text, for places where the API takes nothing else. */
export function chatText(content: string | ContentPart[]): string {
  if (typeof content === "string") return content;
  return content.map((part) => (part.type === "text" ? part.text : note(part))).join("\n");
}

function chatPart(part: ContentPart): ChatCompletionContentPart | undefined {
  switch (part.type) {
    case "text":
      return { type: "text", text: part.text };
    case "image":
      return part.source.type === "file"
        ? undefined
        : { type: "image_url", image_url: { url: urlOf(part.source) } };
    case "audio": {
      const format =
        part.source.type === "data" ? audioFormats[part.source.mimeType.toLowerCase()] : undefined;
      return format && { type: "input_audio", input_audio: { data: part.source.value, format } };
    }
    case "document":
      if (part.source.type === "file") return { type: "file", file: { file_id: part.source.value } };
      if (part.source.type === "data") {
        return {
          type: "file",
          file: { file_data: urlOf(part.source), filename: fileName(part.source.mimeType) },
        };
      }
      return undefined;
    default:
      return undefined;
  }
}

function urlOf(
  source: { type: "data"; value: string; mimeType: string } | { type: "url"; value: string },
): string {
  return source.type === "url" ? source.value : `data:${source.mimeType};base64,${source.value}`;
}

/** The API wants a name with a file; the media type is all that is known. */
function fileName(mimeType: string): string {
  return `document.${
    mimeType
      .split("/")
      .at(-1)
      ?.replace(/[^a-z0-9]/gi, "") || "bin"
  }`;
}

function note(part: ContentPart): string {
  if (part.type === "text") return part.text;
  const where = part.source.type === "url" ? ` at ${part.source.value}` : "";
  return `[${part.type}${where}, which this model is not shown]`;
}
