/** One measured figure: a sample per repetition, and what they come to. */
export interface Figure {
  readonly name: string;
  /** What the samples count, such as `ns/event`. */
  readonly unit: string;
  readonly samples: readonly number[];
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** What a figure has to reach, as a multiple of another figure or by itself. */
export type Target = { readonly atMost: number } | { readonly atLeast: number };

/** One line of a report: our figure, what it is compared with, and whether the target is met. */
export interface Line {
  readonly what: string;
  readonly ours: Figure;
  /** Absent where the target is about the figure itself, or where the line only informs. */
  readonly against?: Figure;
  /** The median of the ratios of each repetition: ours to the other's, or the other's to ours for `atLeast`. */
  readonly ratio?: number;
  /** Absent where the line only informs. */
  readonly target?: Target;
  readonly verdict?: "MET" | "MISSED";
}

/** Sums up samples. */
export function figure(name: string, unit: string, samples: readonly number[]): Figure {
  return {
    name,
    unit,
    samples,
    median: median(samples),
    min: Math.min(...samples),
    max: Math.max(...samples),
  };
}

/**
 * Compares two figures whose samples were taken side by side, in the same repetitions.
 *
 * `atMost: 0.5` means ours is at most half of the other's; `atLeast: 15` means the other's is at least 15
 * times ours.
 */
export function compare(what: string, ours: Figure, against: Figure, target?: Target): Line {
  const isAtLeast = target !== undefined && "atLeast" in target;
  const ratios = ours.samples.map((sample, index) => {
    const other = against.samples[index] ?? Number.NaN;
    return isAtLeast ? other / sample : sample / other;
  });
  const ratio = median(ratios);
  if (target === undefined) return { what, ours, against, ratio };
  return { what, ours, against, ratio, target, verdict: verdictOf(ratio, target) };
}

/** Holds a figure against a target of its own. */
export function judge(what: string, ours: Figure, target: Target): Line {
  return { what, ours, target, verdict: verdictOf(ours.median, target) };
}

/** Shows a figure without judging it. */
export function inform(what: string, ours: Figure): Line {
  return { what, ours };
}

function verdictOf(value: number, target: Target): "MET" | "MISSED" {
  const isMet = "atMost" in target ? value <= target.atMost : value >= target.atLeast;
  return isMet ? "MET" : "MISSED";
}

/** The middle of the samples. Throws if there are none. */
export function median(samples: readonly number[]): number {
  if (samples.length === 0) throw new RangeError("there are no samples");
  const sorted = [...samples].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** The value below which a share of the samples lies, such as 0.99. */
export function quantile(samples: readonly number[], share: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
