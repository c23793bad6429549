import { EventSchema } from "@ag-ui/core/schemas";
import { type AguiEvent, decodeEvent, encodeEvent, FrameEncoder } from "@dragoman/agui";
import type { Benchmark, BenchmarkOptions, Report } from "./benchmark.ts";
import { keep, nanosecondsPerOperation } from "./cpu.ts";
import { compare } from "./figure.ts";
import { type Contestant, interleave } from "./interleave.ts";
import { makeRun } from "./mix.ts";
import { aguiProto } from "./peers/agui-proto.ts";

const UNIT = "ns/event";

/** The codec on the mix, beside AG-UI's own and JSON. */
export const codec: Benchmark = {
  id: "P1",
  title: "Codec, mix of events: CPU per event",
  async run(options: BenchmarkOptions): Promise<Report> {
    const events = [1, 2, 3].flatMap((seed) => makeRun(seed));
    const minimumMs = options.quick ? 40 : 200;
    const contestant = (name: string, work: () => void): Contestant => ({
      name,
      unit: UNIT,
      sample: () => nanosecondsPerOperation(work, events.length, minimumMs),
    });
    const encode = await interleave(encoders(events, contestant), options);
    const decode = await interleave(decoders(events, contestant), options);
    return {
      lines: [
        compare("encode to frames, as the server does", encode.frames, encode.proto, { atMost: 0.06 }),
        compare("", encode.frames, encode.json, { atMost: 0.6 }),
        compare("encode one by one, as nobody on the hot path does", encode.single, encode.proto),
        compare("", encode.single, encode.json),
        compare("decode", decode.ours, decode.proto, { atMost: 0.06 }),
        compare("", decode.ours, decode.json, { atMost: 0.4 }),
        compare("", decode.ours, decode.zod),
      ],
    };
  },
};

type MakeContestant = (name: string, work: () => void) => Contestant;

function encoders(events: readonly AguiEvent[], contestant: MakeContestant) {
  const frames = new FrameEncoder();
  return {
    frames: contestant("ours, frames", () => {
      let sequence = 0;
      for (const event of events) {
        frames.append(++sequence, event);
        if (frames.pendingBytes >= 16_384) keep(frames.take());
      }
      keep(frames.take());
    }),
    single: contestant("ours, one by one", () => {
      for (const event of events) keep(encodeEvent(event));
    }),
    proto: contestant(aguiProto.name, () => {
      for (const event of events) keep(aguiProto.encode(event));
    }),
    json: contestant("JSON.stringify", () => {
      for (const event of events) keep(JSON.stringify(event));
    }),
  };
}

function decoders(events: readonly AguiEvent[], contestant: MakeContestant) {
  const binary = events.map((event) => encodeEvent(event));
  const text = events.map((event) => JSON.stringify(event));
  return {
    ours: contestant("ours", () => {
      for (const bytes of binary) keep(decodeEvent(bytes));
    }),
    proto: contestant(aguiProto.name, () => {
      for (const bytes of binary) keep(aguiProto.decode(bytes));
    }),
    json: contestant("JSON.parse", () => {
      for (const line of text) keep(JSON.parse(line));
    }),
    zod: contestant("JSON.parse and zod", () => {
      for (const line of text) keep(EventSchema.parse(JSON.parse(line)));
    }),
  };
}
