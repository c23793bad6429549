import type { Problem } from "@dragoman/agui";

/** The arguments of a call, or what is wrong with them. */
export type CallArguments =
  | { readonly value: unknown; readonly problems?: undefined }
  | { readonly problems: readonly Problem[] };

/** Reads the arguments that an agent wrote. Many models write nothing at all for a tool without parameters. */
export function callArguments(text: string): CallArguments {
  if (text.trim() === "") return { value: {} };
  try {
    return { value: JSON.parse(text) as unknown };
  } catch (error) {
    const why = error instanceof Error ? error.message : "it cannot be read";
    return { problems: [{ path: "", message: `must be JSON: ${why}`, rule: "json" }] };
  }
}
