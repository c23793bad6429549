import type { Store } from "@dragoman/event-log";
import { expect, test } from "vitest";
import type { Engine } from "../engine.ts";
import { expiryEngine, hourMs } from "../testing/expiry-harness.ts";
import { echoAgent, engineWith, input, runToEnd } from "../testing/harness.ts";

const itself = (sessionId: string) => sessionId;

const place = { namespace: "default", uid: "u", surface: "s", surfaceId: "p" };

/** Runs one turn in the session of the place; returns the session. */
async function turn(engine: Engine, runId: string): Promise<string> {
  const threadId = await engine.surfaces.use(place, "", itself);
  await runToEnd(engine, input(runId, [], { threadId }));
  return threadId;
}

test("calls at once meet in one session, and later ones in other engines on the same store", async () => {
  const { engine, store } = await engineWith(echoAgent());
  const ids = await Promise.all([1, 2, 3].map(() => engine.surfaces.use(place, "", itself)));
  expect(new Set(ids).size).toBe(1);
  expect(await turn(engine, "r1")).toBe(ids[0]);
  const { engine: next } = await engineWith(echoAgent(), { store });
  expect(await next.surfaces.use(place, "", itself)).toBe(ids[0]);
});

test("every text of a place and the namespace tell it apart from others", async () => {
  const { engine } = await engineWith(echoAgent());
  const changes = [{}, { uid: "" }, { surface: "" }, { surfaceId: "" }, { namespace: "other" }];
  const shifted = { uid: "us", surface: "", surfaceId: "p" };
  const all = await Promise.all(
    [...changes, shifted].map((change) => engine.surfaces.use({ ...place, ...change }, "", itself)),
  );
  expect(new Set(all).size).toBe(6);
  const long = { ...place, uid: "\u0000".repeat(256), surface: "\u0001".repeat(256) };
  expect(await engine.surfaces.use(long, "", itself)).toBe(await engine.surfaces.use(long, "", itself));
});

test("a session whose time is over is replaced, also before that is written down", async () => {
  const { engine, clock } = await expiryEngine(echoAgent(), { sessionDefaults: { idleTimeoutMs: hourMs } });
  const first = await turn(engine, "r1");
  await clock.advance(hourMs - 1);
  expect(await turn(engine, "r2")).toBe(first);
  await clock.advance(hourMs);
  const second = await turn(engine, "r3");
  expect(second).not.toBe(first);
  expect(await turn(engine, "r4")).toBe(second);
});

test("a run is found in the sessions that were there before, the last eight of them", async () => {
  const { engine } = await engineWith(echoAgent());
  const sessions: string[] = [];
  for (let index = 0; index <= 9; index++) {
    const id = await turn(engine, `r${index}`);
    sessions.push(id);
    await engine.endSession({ namespace: "default", id });
  }
  const current = await engine.surfaces.use(place, "", itself);
  expect(sessions).not.toContain(current);
  for (let index = 2; index <= 9; index++)
    expect(await engine.surfaces.use(place, `r${index}`, itself)).toBe(sessions[index]);
  for (const forgotten of ["r0", "r1", "never"])
    expect(await engine.surfaces.use(place, forgotten, itself)).toBe(current);
});

/** How many places are written down. */
const placeCount = (store: Store) => store.catalog.count({ kind: "surface" });

test("a place is forgotten with its session, and then has a new one", async () => {
  const options = { sessionDefaults: { retentionMs: hourMs } };
  const { engine, clock, store } = await expiryEngine(echoAgent(), options);
  const first = await turn(engine, "r1");
  await engine.endSession({ namespace: "default", id: first });
  await clock.advance(hourMs);
  expect(await placeCount(store)).toBe(0);
  const second = await turn(engine, "r1");
  expect(second).not.toBe(first);
  await engine.endSession({ namespace: "default", id: second });
  const third = await turn(engine, "r2");
  await clock.advance(hourMs);
  expect(await turn(engine, "r3"), "the one that took its place stays").toBe(third);
  expect(await placeCount(store)).toBe(1);
});

test("a place whose session could not be made is forgotten, unless another call makes it", async () => {
  const { engine, store } = await engineWith(echoAgent());
  const fail = () => Promise.reject(new Error("refused"));
  const refused = await Promise.allSettled([1, 2, 3].map(() => engine.surfaces.use(place, "", fail)));
  expect(refused.map(({ status }) => status)).toEqual(["rejected", "rejected", "rejected"]);
  expect(await placeCount(store)).toBe(0);
  const both = await Promise.allSettled([
    engine.surfaces.use(place, "", async (threadId) => {
      await expect(engine.surfaces.use(place, "", fail)).rejects.toThrow("refused");
      await runToEnd(engine, input("r1", [], { threadId }));
      return threadId;
    }),
    engine.surfaces.use(place, "", fail),
  ]);
  expect(both.map(({ status }) => status)).toEqual(["fulfilled", "rejected"]);
  expect(await engine.surfaces.use(place, "", itself)).toBe(
    both[0].status === "fulfilled" ? both[0].value : "",
  );
  await expect(engine.surfaces.use(place, "", fail)).rejects.toThrow("refused");
  expect(await placeCount(store), "its session is there").toBe(1);
});
