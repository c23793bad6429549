import { UsageError } from "./usage-error.ts";

const unitMs = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** Ten years: what the contract allows. */
const longestMs = 3_650 * unitMs.d;

/** Reads a flag such as `90s`, `30m`, `12h` or `7d`, in milliseconds. Throws a {@link UsageError}. */
export function durationOf(name: string, text: string): number {
  const match = /^(\d+)(ms|s|m|h|d)$/.exec(text);
  const ms = Number(match?.[1]) * unitMs[(match?.[2] ?? "ms") as keyof typeof unitMs];
  if (ms > 0 && ms <= longestMs) return ms;
  throw new UsageError(
    `${name} takes a time such as 500ms, 90s, 30m, 12h or 7d, up to 3650d, not ${JSON.stringify(text)}.`,
  );
}
