/** Where a command writes. Colours only on a terminal, and never where NO_COLOR is set. */
export interface Terminal {
  /** Writes what the user asked for. */
  out(text: string): void;
  /** Writes what goes beside it: progress, hints, errors. */
  error(text: string): void;
  readonly dim: (text: string) => string;
  readonly bold: (text: string) => string;
  readonly red: (text: string) => string;
  readonly green: (text: string) => string;
}

/**
 * The terminal of this process. Where whoever reads the output has had enough, such as `head`, the process
 * ends without a word.
 */
export function processTerminal(): Terminal {
  if (process.stdout.listenerCount("error") === 0) process.stdout.on("error", endOnBrokenPipe);
  const isColoured = process.stdout.isTTY === true && !process.env.NO_COLOR;
  const style = (code: number) => (text: string) => (isColoured ? `\u001b[${code}m${text}\u001b[0m` : text);
  return {
    out: (text) => void process.stdout.write(text),
    error: (text) => void process.stderr.write(text),
    dim: style(2),
    bold: style(1),
    red: style(31),
    green: style(32),
  };
}

function endOnBrokenPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== "EPIPE") throw error;
  process.exit();
}
