import { ArithmeticError, evaluate } from "../arithmetic.ts";
import type { Play, Scene } from "../scene.ts";
import { say, think } from "../speak.ts";
import type { Stage } from "../stage.ts";

/** Words for operators, in the order in which they are replaced. */
const operatorWords: readonly [RegExp, string][] = [
  [/(\d)\s*(?:%|percent) of /gi, "$1 / 100 * "],
  [/\b(?:plus|and)\b/gi, "+"],
  [/\bminus\b|−|–/gi, "-"],
  [/\b(?:times|multiplied by)\b|×|·/gi, "*"],
  [/(\d|\))\s*x\s*(?=\d|\()/gi, "$1 * "],
  [/\b(?:divided by|over)\b|÷/gi, "/"],
  [/\b(?:mod|modulo)\b/gi, "%"],
  [/\b(?:to the power of)\b|\*\*/gi, "^"],
  [/\bsquared\b/gi, "^ 2"],
  [/\bcubed\b/gi, "^ 3"],
  [/\b(?:the )?square root of (\d+(?:\.\d+)?)/gi, "sqrt($1)"],
];

/** A backend tool: it evaluates arithmetic. */
export const calculator: Scene = {
  about: "calculate, with a tool of my own",
  example: "what is 12 * (3 + 4)",
  match({ text }) {
    const found = /^(calculate|compute|evaluate|add|what(?:'s| is|s)|how much is)?\s*(.+?)\s*=?$/i.exec(text);
    if (!found) return undefined;
    const [, verb = "", rest = ""] = found;
    const expression = operatorWords.reduce((spoken, [word, sign]) => spoken.replace(word, sign), rest);
    const isAsked = /^(?:calculate|compute|evaluate)$/i.test(verb);
    return isAsked || isArithmetic(expression) ? (stage) => calculate(stage, expression.trim()) : undefined;
  },
};

/** Whether it is worth a calculator: an expression, and more than a number. */
function isArithmetic(expression: string): boolean {
  if (!/\d/.test(expression) || !/[-+*/%^(]/.test(expression.slice(1))) return false;
  try {
    evaluate(expression);
    return true;
  } catch (error) {
    return error instanceof ArithmeticError && !error.isSyntax;
  }
}

async function* calculate(stage: Stage, expression: string): Play {
  yield* think(stage, "That is arithmetic. I am better off with a calculator than with my memory.");
  const toolCallId = yield* stage.events.toolCall({ name: "calculate", args: { expression } });
  const result = resultOf(expression);
  yield stage.events.toolResult(toolCallId, result);
  yield* say(
    stage,
    "value" in result ? `${expression} = ${result.value}` : `I cannot calculate that. ${result.error}`,
  );
  return undefined;
}

function resultOf(expression: string): { value: number } | { error: string } {
  try {
    return { value: evaluate(expression) };
  } catch (error) {
    if (error instanceof ArithmeticError) return { error: error.message };
    throw error;
  }
}
