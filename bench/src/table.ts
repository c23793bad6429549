import type { Figure, Line, Target } from "./figure.ts";
import type { Machine } from "./machine.ts";

/** A report as people read it. */
export function formatReport(
  id: string,
  title: string,
  lines: readonly Line[],
  notes: readonly string[],
): string {
  const header = ["", "ours", "spread", "against", "theirs", "spread", "ratio", "target", ""];
  const rows = lines.map(formatLine);
  const widths = header.map((_, column) =>
    Math.max(...[header, ...rows].map((row) => (row[column] ?? "").length)),
  );
  const format = (row: readonly string[]) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd();
  return [
    `${id}  ${title}`,
    ...[header, ...rows].map((row) => `  ${format(row)}`),
    ...notes.map((note) => `  note: ${note}`),
  ].join("\n");
}

function formatLine({ what, ours, against, ratio, target, verdict }: Line): string[] {
  return [
    what,
    `${number(ours.median)} ${ours.unit}`,
    spread(ours),
    against?.name ?? "",
    against === undefined ? "" : number(against.median),
    against === undefined ? "" : spread(against),
    ratio === undefined ? "" : `${number(ratio)}x`,
    target === undefined ? "" : formatTarget(target, against !== undefined),
    verdict ?? "",
  ];
}

/** The machine, in a line. */
export function formatMachine(machine: Machine): string {
  const { node, cpu, cores, memoryGiB, system, date } = machine;
  return `Node ${node}, ${cpu}, ${cores} cores, ${memoryGiB} GiB, ${system}, ${date}`;
}

function formatTarget(target: Target, isRatio: boolean): string {
  const [sign, value] = "atMost" in target ? ["<=", target.atMost] : [">=", target.atLeast];
  return `${sign} ${isRatio ? `${value}x` : number(value)}`;
}

function spread({ min, max }: Figure): string {
  return `${number(min)}..${number(max)}`;
}

/** Three figures that matter. */
function number(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString("en-US");
  return String(Number(value.toPrecision(3)));
}
