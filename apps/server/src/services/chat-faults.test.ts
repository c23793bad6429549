import { ChatMode, ChatStatus_State as State } from "@dragoman/contract/orchestrator/v1/chat_service_pb";
import { AttachMode } from "@dragoman/contract/orchestrator/v1/cursor_pb";
import { createFaultProxy, createTempFolder, delay, seededRandom } from "@dragoman/testing";
import { describe, expect, test } from "vitest";
import { startChildServer } from "../testing/child-server.ts";
import { type Services, servicesOver } from "../testing/services.ts";
import { type HeardEvent, Talk } from "../testing/talk.ts";
import { startTestServer } from "../testing/test-server.ts";
import { openWires } from "../testing/wires.ts";

const seed = Number(process.env.DRAGOMAN_SEED ?? 20_261_121);

/** A client that says things until all of them are taken, over whatever cuts its stream, and records the events. */
async function talkOver(
  services: () => Services,
  chatId: string,
  messages: ReadonlyMap<string, string>,
  mode: ChatMode,
): Promise<HeardEvent[]> {
  const heard: HeardEvent[] = [];
  const taken = new Set<string>();
  for (let attempt = 0; attempt < 3_000; attempt++) {
    const afterSequence = BigInt(heard.at(-1)?.sequence ?? 0);
    const talk = new Talk(services(), { chatId, agentId: "demo", afterSequence, mode });
    for (const [id, content] of messages) if (!taken.has(id)) talk.say(id, content);
    talk.done();
    await talk.ended;
    heard.push(...talk.events);
    for (const decision of talk.decisions) if ("messageId" in decision) taken.add(decision.messageId);
    if (talk.outcome === "ok" && taken.size === messages.size) return heard;
    await delay(20);
  }
  throw new Error("the client got nowhere");
}

async function wholeLog(services: Services, chatId: string): Promise<readonly HeardEvent[]> {
  const talk = new Talk(services, { chatId, attachMode: AttachMode.BEGINNING });
  talk.done();
  await talk.ended;
  expect(talk.outcome).toBe("ok");
  return talk.events;
}

/** Ids of what users said, as the log has it: in runs that it began, and within runs. */
function saidIn(events: readonly HeardEvent[]): string[] {
  return events.flatMap(({ event }) => {
    if (event.type === "RUN_STARTED") return event.input?.messages.map(({ id }) => id) ?? [];
    return event.type === "TEXT_MESSAGE_START" && event.role === "user" ? [event.messageId] : [];
  });
}

describe("streams that are cut", () => {
  test.each([
    ["queued", ChatMode.QUEUE],
    ["steered", ChatMode.STEER],
  ] as const)("lose and double nothing: %s", { timeout: 60_000 }, async (name, mode) => {
    const random = seededRandom(seed);
    await using server = await startTestServer();
    const direct = openWires(server.url);
    const proxy = await createFaultProxy({ port: Number(new URL(server.url).port) });
    const opened: { close(): void }[] = [direct];
    // Each attempt has a connection of its own: a cut one would be shared by both clients.
    const services = () => {
      const wires = openWires(proxy.url);
      opened.push(wires);
      return servicesOver(wires.transport(random.next() < 0.5 ? "gRPC" : "Connect, HTTP/2"));
    };
    let isOver = false;
    const cutting = (async () => {
      for (let cuts = 0; cuts < 25 && !isOver; cuts++) {
        await delay(20 + random.next() * 60);
        if (random.next() < 0.5) proxy.cut();
        else proxy.cutAfter(Math.floor(random.next() * 3_000));
      }
    })();
    const messagesOf = (who: string) =>
      new Map([
        [`${who}-0`, "count to 40 every 10 ms"],
        ...[1, 2, 3, 4].map((n) => [`${who}-${n}`, `say ${who} ${n} ${"word ".repeat(20)}`] as const),
      ]);
    const chatId = `cut-${name}`;
    const all = await Promise.all(["a", "b"].map((who) => talkOver(services, chatId, messagesOf(who), mode)));
    isOver = true;
    await cutting;
    expect(proxy.acceptedCount).toBeGreaterThan(10);
    const log = await wholeLog(servicesOver(direct.transport("gRPC")), chatId);
    expect(log.map(({ sequence }) => sequence)).toEqual(log.map((_, index) => index + 1));
    for (const heard of all) expect(heard).toEqual(log.slice(0, heard.length));
    expect(saidIn(log).toSorted()).toEqual(
      ["a", "b"].flatMap((who) => [...messagesOf(who).keys()]).toSorted(),
    );
    for (const one of opened) one.close();
    await proxy.close();
  });
});

test("inputs that wait run after the server was killed, and are not said twice", {
  timeout: 60_000,
}, async () => {
  await using folder = await createTempFolder();
  const args = ["--data", folder.path];
  const messages = new Map([
    ["m1", "count to 600 every 100 ms"],
    ["m2", "say two"],
    ["m3", "say three"],
  ]);
  let before: readonly HeardEvent[];
  {
    await using server = await startChildServer(args);
    const wires = openWires(server.url);
    const talk = new Talk(servicesOver(wires.transport("gRPC")), { chatId: "killed", agentId: "demo" });
    for (const [id, content] of messages) talk.say(id, content);
    await talk.decided(3);
    await talk.until(({ events }) => events.length > 5, "the first run");
    server.process.kill("SIGKILL");
    await talk.ended;
    before = talk.events;
    wires.close();
  }
  await using server = await startChildServer(args);
  const wires = openWires(server.url);
  const services = () => servicesOver(wires.transport("gRPC"));
  const afterSequence = BigInt(before.at(-1)?.sequence ?? 0);
  const talk = new Talk(services(), { chatId: "killed", afterSequence });
  await talk.until(({ statuses }) => statuses.at(-1)?.state === State.IDLE, "the chat to be idle");
  for (const [id, content] of messages) talk.say(id, content);
  talk.done();
  await talk.ended;
  expect(talk.decisions.every((one) => "messageId" in one)).toBe(true);
  const log = await wholeLog(services(), "killed");
  expect([...before, ...talk.events]).toEqual(log);
  expect(log.map(({ sequence }) => sequence)).toEqual(log.map((_, index) => index + 1));
  expect(saidIn(log)).toEqual(["m1", "m2", "m3"]);
  const codes = log.flatMap(({ event }) => (event.type === "RUN_ERROR" ? [event.code] : []));
  expect(codes).toEqual(["NODE_LOST"]);
  expect(Object.values(talk.texts)).toEqual(expect.arrayContaining(["two", "three"]));
  wires.close();
});
