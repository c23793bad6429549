import type { JsonObject, Tool } from "@dragoman/agui";
import { isObject } from "./json.ts";

/**
 * The arguments that a sentence seems to give for a tool: a number for a number, one of the allowed words for an
 * enumeration, what is behind "to", "with" or "=" for a text. What it does not give is left out.
 */
export function guessArgs(tool: Tool, sentence: string): JsonObject {
  const schema = isObject(tool.parameters) ? tool.parameters : {};
  const properties = isObject(schema.properties) ? schema.properties : {};
  const guessed = Object.entries(properties).map(([name, property]) => {
    return [name, isObject(property) ? guessValue(property, name, sentence) : undefined] as const;
  });
  return Object.fromEntries(guessed.filter(([, value]) => value !== undefined));
}

function guessValue(property: JsonObject, name: string, sentence: string): unknown {
  if (Array.isArray(property.enum)) {
    return property.enum.find((value) => typeof value === "string" && hasWord(sentence, value));
  }
  switch (property.type) {
    case "number":
    case "integer": {
      const found = /-?\d+(?:\.\d+)?/.exec(sentence)?.[0];
      return found === undefined ? undefined : Number(found);
    }
    case "boolean":
      return !/\b(?:off|no|not|false|disable|hide)\b/i.test(sentence);
    case "string":
      return (
        new RegExp(`\\b${escaped(name)}(?: is| to| of|:|=)? ?"?([^"]+?)"?$`, "i").exec(sentence)?.[1] ??
        /(?:\b(?:to|with|into|as|for|saying)|[:=]) ?"?([^"]+?)"?$/i.exec(sentence)?.[1]
      );
    default:
      return undefined;
  }
}

/** The words of a tool's name: `changeBackground` and `change_background` are both "change" and "background". */
export function wordsOfName(name: string): string[] {
  return name
    .replace(/([a-z\d])([A-Z])/g, "$1 $2")
    .toLowerCase()
    .split(/[^a-z\d]+/)
    .filter((word) => word !== "");
}

/** Whether a sentence has this word, as a whole and in any case. */
export function hasWord(sentence: string, word: string): boolean {
  return new RegExp(`(?:^|[^a-z0-9])${escaped(word)}(?:$|[^a-z0-9])`, "i").test(sentence);
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
