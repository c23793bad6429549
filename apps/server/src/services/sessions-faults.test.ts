import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { IfActive } from "@dragoman/contract/agent/v1/run_options_pb";
import { RunState } from "@dragoman/contract/orchestrator/v1/run_pb";
import { SessionState } from "@dragoman/contract/orchestrator/v1/session_pb";
import { createTempFolder, waitUntil } from "@dragoman/testing";
import { describe, expect, test } from "vitest";
import { startChildServer } from "../testing/child-server.ts";
import { readStream, type StreamItem } from "../testing/read-stream.ts";
import { held, runScript } from "../testing/script-run.ts";
import { servicesOver } from "../testing/services.ts";
import { openWires } from "../testing/wires.ts";

const sessionId = "s";
const isKind = (kind: string) => (item: StreamItem) =>
  item.item.case === "event" && item.item.value.event.case === kind;

describe("a server that is killed while a session expires", () => {
  test.each([
    ["before its deadline", () => true],
    ["when its run has ended", isKind("runFinished")],
  ])("%s", { timeout: 60_000 }, async (_, isTime) => {
    const folder = await createTempFolder();
    const args = ["--data", folder.path];
    await using first = await startChildServer(args);
    const wires = openWires(first.url);
    const services = servicesOver(wires.transport("gRPC"));
    const options = { expireAfter: durationFromMs(2_000) };
    await services.sessions.createSession({ sessionId, options });
    const active = readStream(runScript(services, sessionId, "r1", { forwardedProps: held })).catch(() => {});
    const follow = services.sessions.observeSession({ sessionId, follow: true });
    await readStream(follow, isKind("textMessageStart"));
    const queue = { ifActive: IfActive.QUEUE };
    const waiting = readStream(runScript(services, sessionId, "r2", { forwardedProps: held }, queue)).catch(
      () => {},
    );
    const accepted = async () => (await services.runs.listRuns({ sessionId })).runs.length === 2;
    await waitUntil(accepted, "the second run");
    await readStream(services.sessions.observeSession({ sessionId, follow: true }), isTime);
    await first.process.kill("SIGKILL");
    await Promise.all([active, waiting]);
    wires.close();

    await using second = await startChildServer(args);
    const again = openWires(second.url);
    const { sessions, runs } = servicesOver(again.transport("gRPC"));
    const { items } = await readStream(sessions.observeSession({ sessionId, follow: true }));
    const kinds = items.flatMap(({ item }) => (item.case === "event" ? [item.value.event.case] : []));
    expect(kinds.filter((kind) => kind === "custom")).toHaveLength(1);
    expect(kinds.slice(-3)).toEqual(["runStarted", "custom", "runFinished"]);
    expect(items.flatMap(({ sequence }) => sequence ?? [])).toEqual(
      kinds.map((_, index) => BigInt(index + 1)),
    );
    const { session } = await sessions.getSession({ sessionId });
    expect(session).toMatchObject({ state: SessionState.EXPIRED, activeRunId: "" });
    const { runs: all } = await runs.listRuns({ sessionId });
    const states = all.map(({ origin, state }) => [
      origin,
      state === RunState.QUEUED || state === RunState.RUNNING,
    ]);
    expect(states).toEqual([
      ["session", false],
      ["agent", false],
      ["agent", false],
    ]);
    again.close();
    await second.process.kill("SIGKILL");

    await using third = await startChildServer([...args, "--retention", "1ms"]);
    const last = openWires(third.url);
    const left = servicesOver(last.transport("gRPC"));
    await waitUntil(
      async () => (await left.sessions.listSessions({})).sessions.length === 0,
      "the removal of what was over before",
    );
    await waitUntil(async () => (await left.runs.listRuns({})).runs.length === 0, "and of its runs");
    last.close();
    await third.process.kill("SIGKILL");
    await folder.remove();
  });
});
