/** How events are written over HTTP. */
export type FormName = "sse" | "binary";

/** AG-UI's binary form. Clients compare it exactly: no parameter may follow. */
export const binaryContentType = "application/vnd.ag-ui.event+proto";
/** Server-sent events. */
export const sseContentType = "text/event-stream";

/**
 * Chooses the form from an Accept header: binary only where it is named with a quality above zero, and
 * server-sent events are not preferred to it.
 *
 * A wildcard does not count: what a program that reads text sends by default must not give it bytes.
 */
export function chooseForm(accept: string | undefined): FormName {
  let binary = 0;
  let text = 0;
  for (const range of (accept ?? "").split(",")) {
    const [type = "", ...parameters] = range.split(";").map((part) => part.trim().toLowerCase());
    if (type === binaryContentType) {
      binary = Math.max(binary, qualityOf(parameters));
    } else if (type === sseContentType) {
      text = Math.max(text, qualityOf(parameters));
    }
  }
  return binary > 0 && binary >= text ? "binary" : "sse";
}

function qualityOf(parameters: readonly string[]): number {
  const value = parameters.find((parameter) => parameter.startsWith("q="))?.slice(2);
  const quality = value === undefined ? 1 : Number(value);
  return Number.isFinite(quality) ? quality : 0;
}
