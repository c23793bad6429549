/** The longest expression, in characters. */
const maxLength = 500;
/** How deep brackets and signs may be nested. */
const maxDepth = 50;

const constants: Readonly<Record<string, number>> = { pi: Math.PI, e: Math.E };
const functions: Readonly<Record<string, (value: number) => number>> = {
  sqrt: Math.sqrt,
  abs: Math.abs,
  round: Math.round,
  floor: Math.floor,
  ceil: Math.ceil,
  sin: Math.sin,
  cos: Math.cos,
  tan: Math.tan,
  ln: Math.log,
  log: Math.log10,
};

/** An expression that cannot be evaluated. The message is for people. */
export class ArithmeticError extends Error {
  override readonly name = "ArithmeticError";
  /** Whether it is no expression at all, as opposed to one without a value, such as 1/0. */
  readonly isSyntax: boolean;

  constructor(message: string, isSyntax: boolean) {
    super(message);
    this.isSyntax = isSyntax;
  }
}

/**
 * Evaluates an expression of numbers, + - * / % ^, brackets, pi, e and the functions above. Throws
 * `ArithmeticError`. A parser of its own, so that nothing of what a user says is ever run as code.
 */
export function evaluate(expression: string): number {
  if (expression.length > maxLength)
    throw new ArithmeticError(`The expression is longer than ${maxLength} characters.`, true);
  const parser = new Parser(tokensOf(expression));
  const value = parser.sum(0);
  parser.end();
  if (!Number.isFinite(value))
    throw new ArithmeticError("The result is not a number, or too large for one.", false);
  // As people write it: without the last digits, which binary fractions get wrong.
  return Number(value.toPrecision(12));
}

function tokensOf(expression: string): string[] {
  const text = expression.replace(/(\d),(?=\d{3}\b)/g, "$1");
  const tokens = text.match(/\d+(?:\.\d+)?(?:e[+-]?\d+)?|\.\d+|[a-z]+|[-+*/%^()]|\S/gi);
  return tokens ?? [];
}

/** Where in the tokens the evaluation is; one method for each level of precedence. */
class Parser {
  readonly #tokens: readonly string[];
  #position = 0;

  constructor(tokens: readonly string[]) {
    this.#tokens = tokens;
  }

  sum(depth: number): number {
    let value = this.#product(depth);
    for (let operator = this.#take("+", "-"); operator; operator = this.#take("+", "-")) {
      const right = this.#product(depth);
      value = operator === "+" ? value + right : value - right;
    }
    return value;
  }

  end(): void {
    const rest = this.#tokens[this.#position];
    if (rest !== undefined) throw new ArithmeticError(`I did not expect "${rest}" there.`, true);
  }

  #product(depth: number): number {
    let value = this.#signed(depth);
    for (let operator = this.#take("*", "/", "%"); operator; operator = this.#take("*", "/", "%")) {
      const right = this.#signed(depth);
      if (operator !== "*" && right === 0)
        throw new ArithmeticError("Division by zero has no result.", false);
      value = operator === "*" ? value * right : operator === "/" ? value / right : value % right;
    }
    return value;
  }

  #signed(depth: number): number {
    if (depth > maxDepth)
      throw new ArithmeticError(`The expression is nested deeper than ${maxDepth}.`, true);
    const sign = this.#take("-", "+");
    if (sign) return sign === "-" ? -this.#signed(depth + 1) : this.#signed(depth + 1);
    const base = this.#atom(depth);
    return this.#take("^") ? base ** this.#signed(depth + 1) : base;
  }

  #atom(depth: number): number {
    const token = this.#tokens[this.#position++];
    if (token === undefined) throw new ArithmeticError("The expression stops too early.", true);
    if (/^[\d.]/.test(token) && token !== ".") return Number(token);
    if (token === "(") return this.#bracket(depth);
    const name = token.toLowerCase();
    if (Object.hasOwn(constants, name)) return constants[name]!;
    if (Object.hasOwn(functions, name) && this.#take("(")) return functions[name]!(this.#bracket(depth));
    throw new ArithmeticError(`I did not expect "${token}" there.`, true);
  }

  #bracket(depth: number): number {
    const value = this.sum(depth + 1);
    if (!this.#take(")")) throw new ArithmeticError("A bracket is not closed.", true);
    return value;
  }

  /** The next token, if it is one of these. */
  #take(...tokens: string[]): string | undefined {
    const token = this.#tokens[this.#position];
    if (token === undefined || !tokens.includes(token)) return undefined;
    this.#position += 1;
    return token;
  }
}
