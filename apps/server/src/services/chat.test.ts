import {
  ChatDisposition as Disposition,
  ChatStatus_State as State,
} from "@dragoman/contract/orchestrator/v1/chat_service_pb";
import { AttachMode } from "@dragoman/contract/orchestrator/v1/cursor_pb";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Services, servicesOver } from "../testing/services.ts";
import { Talk } from "../testing/talk.ts";
import { startTestServer, type TestServer } from "../testing/test-server.ts";
import { openWires, type WireName, type Wires } from "../testing/wires.ts";

let server: TestServer;
let wires: Wires;
beforeAll(async () => {
  server = await startTestServer({ heartbeatMs: "200" });
  wires = openWires(server.url);
});
afterAll(async () => {
  wires.close();
  await server.close();
});

const over = (name: WireName): Services => servicesOver(wires.transport(name));
const bidiWires = ["gRPC", "gRPC-Web, HTTP/2", "Connect, HTTP/2", "Connect JSON, HTTP/2"] as const;

describe.each(bidiWires)("over %s", (name) => {
  test("a chat is opened, spoken in and left when all is said", async () => {
    const talk = new Talk(over(name), { agentId: "demo" });
    talk.say("m1", "say one two three");
    talk.say("m2", "what is 6 * 7");
    await talk.decided(2);
    talk.done();
    await talk.ended;
    expect(talk.outcome).toBe("ok");
    const [first] = talk.items;
    expect(first).toMatchObject({ item: { case: "ready", value: { created: true, headSequence: 0n } } });
    expect(first?.logId).not.toBe("");
    expect(talk.items.slice(1).every(({ logId }) => logId === "")).toBe(true);
    expect(talk.decisions).toMatchObject([
      { inputNumber: 1n, disposition: Disposition.STARTED, messageId: "m1" },
      { inputNumber: 2n, disposition: Disposition.QUEUED, messageId: "m2" },
    ]);
    const { events } = talk;
    expect(events.map(({ sequence }) => sequence)).toEqual(events.map((_, index) => index + 1));
    expect(Object.values(talk.texts)).toEqual(
      expect.arrayContaining(["say one two three", "one two three", "what is 6 * 7", "6 * 7 = 42"]),
    );
    expect(talk.statuses[0]).toMatchObject({ state: State.IDLE, runId: "" });
    expect(talk.statuses.map(({ state }) => state)).toContain(State.RUNNING);
    expect(talk.statuses.at(-1)?.state).toBe(State.IDLE);
  });

  test("another stream goes on where the first one was", async () => {
    const services = over(name);
    const first = new Talk(services, {});
    first.say("m1", "say one two three");
    await first.until(({ events }) => events.length >= 3, "three events");
    first.leave();
    await first.ended;
    const ready = first.items[0]?.item;
    const chatId = ready?.case === "ready" ? ready.value.chatId : "";
    const afterSequence = BigInt(first.events.at(-1)?.sequence ?? 0);
    const second = new Talk(services, { chatId, afterSequence, logId: first.items[0]?.logId ?? "" });
    second.say("m1", "say one two three");
    second.done();
    await second.ended;
    expect(second.items[0]).toMatchObject({ item: { value: { chatId, created: false } } });
    const all = [...first.events, ...second.events];
    expect(all.map(({ sequence }) => sequence)).toEqual(all.map((_, index) => index + 1));
    expect(all.filter(({ event }) => event.type === "RUN_STARTED")).toHaveLength(1);
    const whole = new Talk(services, { chatId, attachMode: AttachMode.BEGINNING });
    whole.done();
    await whole.ended;
    expect(whole.events).toEqual(all);
    const snapshot = new Talk(services, { chatId, attachMode: AttachMode.SNAPSHOT });
    snapshot.done();
    await snapshot.ended;
    expect(snapshot.events.every(({ sequence }) => sequence === undefined)).toBe(true);
    expect(snapshot.items.some(({ item }) => item.case === "caughtUp")).toBe(true);
  });
});
