import type { Terminal } from "../terminal.ts";

/** Writes rows under a heading, in columns as wide as they need. */
export function printTable(
  terminal: Terminal,
  heading: readonly string[],
  rows: readonly (readonly string[])[],
): void {
  const widths = heading.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => (row[column] ?? "").length)),
  );
  const format = (row: readonly string[]) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd();
  terminal.out(`${terminal.dim(format(heading))}\n`);
  for (const row of rows) terminal.out(`${format(row)}\n`);
}
