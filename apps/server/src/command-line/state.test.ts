import { afterAll, beforeAll, expect, test } from "vitest";
import { jsonLines, runCommand, startCommand } from "../testing/run-command.ts";
import { startTestServer, type TestServer } from "../testing/test-server.ts";

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
  await dragoman("run", "demo", "hello", "--session", "s");
});
afterAll(() => server.close());

const dragoman = (...args: readonly string[]) => runCommand(args, { DRAGOMAN_SERVER: server.url });

test("sets, merges, patches and reads", async () => {
  await dragoman("state", "set", "s", "", '{"cart": {"items": []}}');
  await dragoman("state", "set", "s", "/cart/items", '["milk"]');
  await dragoman("state", "merge", "s", '{"theme": "dark"}');
  const patched = await dragoman("state", "patch", "s", '[{"op": "remove", "path": "/theme"}]', "--json");
  expect(patched).toMatchObject({ code: 0, stderr: "" });
  expect(jsonLines(patched.stdout)).toEqual([
    { revision: expect.any(Number), state: { cart: { items: ["milk"] } } },
  ]);
  expect(JSON.parse((await dragoman("state", "get", "s")).stdout)).toEqual({ cart: { items: ["milk"] } });
  const keyed = await dragoman("state", "get", "s", "/cart/items/0", "/none", "--json");
  expect(jsonLines(keyed.stdout)).toMatchObject([{ state: { "/cart/items/0": "milk" } }]);
});

test("watches until it is told to stop", async () => {
  await dragoman("state", "set", "s", "/watched", "1");
  const watching = startCommand(["state", "watch", "s", "/watched", "--json"], {
    DRAGOMAN_SERVER: server.url,
  });
  await watching.printed('{"/watched":1}');
  await dragoman("state", "set", "s", "/watched", "2");
  await watching.printed('{"/watched":2}');
  watching.signal("SIGINT");
  expect(await watching.ended).toMatchObject({ code: 0, stderr: "" });
});

test("says what is wrong with what it was given", async () => {
  expect(await dragoman("state", "get", "s", "cart")).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("JSON Pointer"),
  });
  expect(await dragoman("state", "set", "s", "/a", "text")).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("takes JSON"),
  });
  expect(await dragoman("state", "patch", "s", '[{"op": "jump", "path": "/a"}]')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("JSON Patch"),
  });
  expect(await dragoman("state", "merge", "s", "{}", "--if-revision", "x")).toMatchObject({ code: 2 });
});

test("says why the server refused", async () => {
  expect(await dragoman("state", "set", "s", "/a", "1", "--if-revision", "0")).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("STALE_STATE"),
  });
  expect(await dragoman("state", "get", "nobody")).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("SESSION_NOT_FOUND"),
  });
});
