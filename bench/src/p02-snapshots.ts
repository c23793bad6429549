import { type AguiEvent, decodeEvent, encodeEvent } from "@dragoman/agui";
import type { Benchmark, BenchmarkOptions, Report } from "./benchmark.ts";
import { keep, nanosecondsPerOperation } from "./cpu.ts";
import { compare, type Line } from "./figure.ts";
import { interleave } from "./interleave.ts";
import { makeState } from "./mix.ts";
import { aguiProto } from "./peers/agui-proto.ts";
import { createRandom } from "./random.ts";

/** How many items a state has, and about how large it then is as JSON. */
const SIZES = [
  { scale: 8, label: "5.5 KB" },
  { scale: 203, label: "133 KB" },
];

/** State snapshots, which travel as google.protobuf.Value. */
export const snapshots: Benchmark = {
  id: "P2",
  title: "State snapshots as google.protobuf.Value: CPU per snapshot",
  async run(options: BenchmarkOptions): Promise<Report> {
    const lines: Line[] = [];
    for (const { scale, label } of SIZES) lines.push(...(await measure(scale, label, options)));
    return { lines };
  },
};

async function measure(scale: number, label: string, options: BenchmarkOptions): Promise<Line[]> {
  const event: AguiEvent = { type: "STATE_SNAPSHOT", snapshot: makeState(createRandom(scale), scale) };
  const text = JSON.stringify(event);
  const bytes = encodeEvent(event);
  const batch = scale > 50 ? 5 : 100;
  const minimumMs = options.quick ? 40 : 200;
  const contestant = (name: string, work: () => unknown) => ({
    name,
    unit: "µs",
    sample: () => {
      const repeat = () => {
        for (let count = 0; count < batch; count++) keep(work());
      };
      return nanosecondsPerOperation(repeat, batch, minimumMs) / 1000;
    },
  });
  const figures = await interleave(
    {
      encode: contestant("ours", () => encodeEvent(event)),
      encodeJson: contestant("JSON.stringify", () => JSON.stringify(event)),
      encodeProto: contestant(aguiProto.name, () => aguiProto.encode(event)),
      decode: contestant("ours", () => decodeEvent(bytes)),
      decodeJson: contestant("JSON.parse", () => JSON.parse(text)),
      decodeProto: contestant(aguiProto.name, () => aguiProto.decode(bytes)),
    },
    options,
  );
  const size = `${label} (${(text.length / 1024).toFixed(1)} KiB JSON)`;
  return [
    compare(`encode ${size}`, figures.encode, figures.encodeJson, { atMost: 1.2 }),
    compare("", figures.encode, figures.encodeProto),
    compare(`decode ${size}`, figures.decode, figures.decodeJson, { atMost: 1.2 }),
    compare("", figures.decode, figures.decodeProto, { atLeast: 15 }),
  ];
}
