import { expect, test } from "vitest";
import { parseHttpToolSettings } from "./index.ts";

const url = "https://tools.example/weather";

test("settings are read, with their defaults", () => {
  expect(parseHttpToolSettings({ kind: "http", url })).toEqual({
    kind: "http",
    url,
    method: "POST",
    headers: {},
  });
  expect(
    parseHttpToolSettings({
      kind: "http",
      url,
      method: "GET",
      headers: { "X-Key": "a" },
      timeoutMs: 5,
      later: 1,
    }),
  ).toEqual({ kind: "http", url, method: "GET", headers: { "x-key": "a" }, timeoutMs: 5 });
});

test.each([
  [undefined, "must be an object"],
  ["http://tools.example", "must be an object"],
  [[], "must be an object"],
  [{ kind: "grpc", url }, 'kind must be "http", it is "grpc"'],
  [{ url }, 'kind must be "http", it is missing'],
  [{ kind: "http" }, "url must be"],
  [{ kind: "http", url: 5 }, "url must be"],
  [{ kind: "http", url: "/weather" }, "url must be"],
  [{ kind: "http", url: "ftp://tools.example" }, "url must be"],
  [{ kind: "http", url: "https://user:secret@tools.example" }, "user name or password"],
  [{ kind: "http", url, method: "get" }, "method must be one of DELETE, GET, PATCH, POST, PUT"],
  [{ kind: "http", url, method: "CONNECT" }, "method must be one of"],
  [{ kind: "http", url, headers: [] }, "headers must be an object"],
  [{ kind: "http", url, headers: { "x-a": ["secret"] } }, '"x-a" must be text'],
  [{ kind: "http", url, headers: { Host: "secret" } }, '"Host" is set by the server'],
  [{ kind: "http", url, headers: { "Idempotency-Key": "secret" } }, '"Idempotency-Key" is set by the server'],
  [
    { kind: "http", url, headers: { "X-Dragoman-Run-Id": "secret" } },
    '"X-Dragoman-Run-Id" is set by the server',
  ],
  [{ kind: "http", url, headers: { "x-a": "secret\n" } }, "HTTP cannot carry"],
  [{ kind: "http", url, headers: { "x-a": "1", "X-A": "2" } }, "given twice"],
  [{ kind: "http", url, timeoutMs: 0 }, "timeoutMs must be"],
  [{ kind: "http", url, timeoutMs: "5" }, "timeoutMs must be"],
])("settings that cannot be right are refused: %j", (settings, what) => {
  expect(() => parseHttpToolSettings(settings)).toThrow(TypeError);
  expect(() => parseHttpToolSettings(settings)).toThrow(what);
  expect(() => parseHttpToolSettings(settings)).not.toThrow("secret");
});
