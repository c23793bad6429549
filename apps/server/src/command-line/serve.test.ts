import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { request } from "node:https";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { text } from "node:stream/consumers";
import { promisify } from "node:util";
import { createTempFolder, type TempFolder, waitUntil } from "@dragoman/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Certificates, makeCertificates } from "../testing/certificates.ts";
import { startChildServer } from "../testing/child-server.ts";
import { postRun, readLog } from "../testing/http.ts";
import { jsonLines, runCommand, startCommand } from "../testing/run-command.ts";

let folder: TempFolder;
let pem: Certificates;

beforeAll(async () => {
  folder = await createTempFolder();
  pem = makeCertificates(folder.path);
});
afterAll(() => folder.remove());

const serve = (args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
  runCommand(["serve", ...args], env);
const own = (name: string) => join(folder.path, name);

test("says in a few lines what is served where, and what it says to try works", async () => {
  await using server = await startChildServer();
  const { stdout } = server.process;
  expect(stdout).toMatch(/^Dragoman is serving on http:\/\/127\.0\.0\.1:\d+ \(\d+ ms\)\n/);
  expect(stdout).toMatch(/^ {2}wires {3}gRPC, gRPC-Web, Connect, AG-UI over SSE and binary/m);
  expect(stdout).toMatch(/^ {2}agents {2}demo \(default\), script, script-unverified$/m);
  expect(stdout.split("\n").length).toBeLessThan(10);
  const command = /^ {2}try +([\s\S]*)$/m.exec(stdout)?.[1] ?? "";
  const tried = await promisify(execFile)("sh", ["-c", command]);
  expect(tried.stdout).toContain('"type":"RUN_FINISHED"');
});

test("a port that is in use is refused in one line", async () => {
  await using server = await startChildServer();
  const { port } = new URL(server.url);
  const result = await serve(["--port", port, "--memory"]);
  expect(result).toEqual({
    code: 2,
    stdout: "",
    stderr: `Port ${port} on 127.0.0.1 is in use. Stop what uses it, or choose another with --port.\n`,
  });
});

test("a host that is not ours is refused in one line", async () => {
  const result = await serve(["--port", "0", "--memory", "--host", "192.0.2.1"]);
  expect(result).toMatchObject({
    code: 2,
    stderr: "192.0.2.1 is no address of this machine. Choose one with --host.\n",
  });
});

test.each([
  [["--agent", "x=grpc:nope"], "<host>:<port>"],
  [["--agent", "my agent=llm:x"], "without spaces and control characters"],
  [["--allow-origin", "not-an-origin"], "<scheme>://<host>[:<port>]"],
  [["--allow-host", "http://x"], "without scheme and port"],
])("a name that can never work is refused in one line: %j", async (args, message) => {
  const result = await serve(["--port", "0", "--memory", ...args]);
  expect(result).toMatchObject({ code: 2, stdout: "" });
  expect(result.stderr).toMatch(/^[^\n]+\n$/);
  expect(result.stderr).toContain(message);
});

describe("the data folder", () => {
  test("keeps everything over a restart, and belongs to one process at a time", async () => {
    const data = ["--data", own("data")];
    await using server = await startChildServer(data);
    const body = {
      threadId: "kept",
      runId: "r",
      messages: [{ id: "u", role: "user", content: "say hello" }],
    };
    await (await postRun(`${server.url}/agents/demo`, body)).text();
    const second = await serve(["--port", "0", ...data]);
    expect(second).toMatchObject({ code: 2, stdout: "" });
    expect(second.stderr).toMatch(/is in use by process \d+/);
    const before = await readLog(server.url, "kept");
    expect(await server.process.kill("SIGTERM")).toEqual({ code: 0, signal: null });
    await using again = await startChildServer(data);
    expect(await readLog(again.url, "kept")).toEqual(before);
  });

  test("of a newer version is refused and left as it is", async () => {
    const data = ["--data", own("newer")];
    await using server = await startChildServer(data);
    await server.process.kill("SIGTERM");
    const database = new DatabaseSync(join(own("newer"), "store.db"));
    database.exec("UPDATE meta SET format_version = 999");
    database.close();
    const result = await serve(["--port", "0", ...data]);
    expect(result).toMatchObject({ code: 2, stdout: "" });
    expect(result.stderr).toMatch(/has format version 999, this program knows up to \d+: .*\n$/);
  });

  test("that cannot be one is refused", async () => {
    writeFileSync(own("file"), "");
    const result = await serve(["--port", "0", "--data", own("file")]);
    expect(result).toMatchObject({ code: 2, stdout: "" });
    expect(result.stderr).toMatch(
      /^The data folder \S+ cannot be opened: .* Choose another with --data\.\n$/,
    );
  });
});

test("GRPC_ENABLED=false leaves only plain HTTP", async () => {
  await using server = await startChildServer(["--memory"], { GRPC_ENABLED: "false" });
  expect(server.process.stdout).toMatch(/^ {2}wires {3}AG-UI over SSE and binary/m);
  const messages = [{ id: "u", role: "user", content: "say hello" }];
  expect(await (await postRun(`${server.url}/agents/demo`, { messages })).text()).toContain("RUN_FINISHED");
  expect((await postRun(`${server.url}/agent.v1.AGUIService/HealthCheck`, {})).status).toBe(404);
  const called = await runCommand(["agents"], { DRAGOMAN_SERVER: server.url });
  expect(called).toMatchObject({ code: 1, stdout: "" });
  expect(called.stderr).toContain("with GRPC_ENABLED=false a server has no RPC");
});

describe("TLS", () => {
  const names = () => ({ GRPC_TLS_CERT: pem.server.cert, GRPC_TLS_KEY: pem.server.key });

  test("a mixture that makes no sense is refused", async () => {
    const result = await serve(["--port", "0", "--memory"], { GRPC_TLS_CERT: pem.server.cert });
    expect(result).toMatchObject({ code: 2, stdout: "" });
    expect(result.stderr).toMatch(/^GRPC_TLS_CERT is set, but GRPC_TLS_KEY is not\. .*\n$/);
  });

  test("with cert and key: whoever trusts the authority may call, over every HTTP", async () => {
    await using server = await startChildServer(["--memory"], names());
    expect(server.url).toMatch(/^https:/);
    expect(server.process.stdout).toContain("all on this port with TLS");
    const env = { DRAGOMAN_SERVER: server.url };
    const called = await runCommand(["run", "demo", "say hello", "--ca", pem.ca], env);
    expect(called).toMatchObject({ code: 0, stdout: "hello\n" });
    for (const command of [["agents"], ["run", "demo", "hi"]]) {
      const untrusted = await runCommand(command, env);
      expect(untrusted).toMatchObject({
        code: 5,
        stderr: expect.stringContaining("Name its authority with --ca"),
      });
    }
    for (const command of [["agents"], ["run", "demo", "hi"]]) {
      const plain = await runCommand(command, { DRAGOMAN_SERVER: server.url.replace("https", "http") });
      expect(plain).toMatchObject({ code: 5, stderr: expect.stringContaining("begins with https") });
    }
    expect(await get(`${server.url}/healthz`, { ca: pem.ca })).toBe(200);
  });

  test("with the CA too: only clients with a certificate of it", async () => {
    await using server = await startChildServer(["--memory"], { ...names(), GRPC_TLS_CA: pem.ca });
    expect(server.process.stdout).toContain("all on this port with mutual TLS");
    const env = { DRAGOMAN_SERVER: server.url };
    const ca = ["--ca", pem.ca];
    const shown = ({ cert, key }: { cert: string; key: string }) => ["--cert", cert, "--key", key];
    const called = await runCommand(["run", "demo", "say hello", ...ca, ...shown(pem.client)], env);
    expect(called).toMatchObject({ code: 0, stdout: "hello\n" });
    for (const command of [["agents"], ["run", "demo", "hi"]]) {
      const nobody = await runCommand([...command, ...ca], env);
      expect(nobody).toMatchObject({ code: 5, stderr: expect.stringContaining("--cert and --key") });
    }
    const stranger = await runCommand(["agents", ...ca, ...shown(pem.stranger)], env);
    expect(stranger).toMatchObject({ code: 5, stdout: "" });
    expect(stranger.stderr).toMatch(/^(No secure connection to )?https:\S+ .*\n$/);
    expect(await get(`${server.url}/healthz`, { ca: pem.ca, ...pem.client })).toBe(200);
    await expect(get(`${server.url}/healthz`, { ca: pem.ca })).rejects.toThrow();
  });

  /** The status of a GET over HTTP/1.1. */
  async function get(url: string, files: { ca: string; cert?: string; key?: string }): Promise<number> {
    const { readFileSync } = await import("node:fs");
    const read = (path: string | undefined) => (path === undefined ? undefined : readFileSync(path));
    return new Promise((resolve, reject) => {
      const options = { ca: read(files.ca), cert: read(files.cert), key: read(files.key) };
      const call = request(url, { ...options, agent: false }, (response) => {
        text(response).then(() => resolve(response.statusCode ?? 0), reject);
      });
      call.on("error", reject);
      call.end();
    });
  }
});

describe("stopping", () => {
  const isCounting = { threadId: "t", runId: "r" };
  const counting = (url: string, what: string) =>
    startCommand(["run", "demo", what, "--session", isCounting.threadId, "--json"], { DRAGOMAN_SERVER: url });

  test("SIGTERM lets a run end that does so in time, and takes no other", async () => {
    await using server = await startChildServer(["--memory"]);
    const run = counting(server.url, "count to 40 every 50 ms");
    await run.printed('" 2"');
    const exit = server.process.kill("SIGTERM");
    await waitUntil(() => server.process.stderr.includes("letting runs end"), "the drain to begin");
    const body = { threadId: "late", messages: [] };
    const refused = await postRun(`${server.url}/agents/demo`, body).then(
      (response) => response.status,
      () => "refused",
    );
    expect([503, "refused"]).toContain(refused);
    expect(await exit).toEqual({ code: 0, signal: null });
    const { code, stdout } = await run.ended;
    expect(code).toBe(0);
    expect(jsonLines(stdout).at(-1)).toMatchObject({ type: "RUN_FINISHED" });
  });

  test("the echo of a signal, as launchers pass it on, changes nothing", async () => {
    await using server = await startChildServer(["--memory"]);
    const run = counting(server.url, "count to 20 every 50 ms");
    await run.printed('" 2"');
    const exit = server.process.kill("SIGINT");
    await waitUntil(() => server.process.stderr.includes("letting runs end"), "the drain to begin");
    process.kill(server.process.pid, "SIGINT");
    process.kill(server.process.pid, "SIGTERM");
    expect(await exit).toEqual({ code: 0, signal: null });
    expect((await run.ended).code).toBe(0);
  });

  test("a run that takes longer ends in RUN_ERROR, and the process with 0", async () => {
    await using server = await startChildServer(["--memory", "--drain-ms", "100"]);
    const run = counting(server.url, "count to 600 slowly");
    await run.printed('" 2"');
    expect(await server.process.kill("SIGTERM")).toEqual({ code: 0, signal: null });
    const { code, stdout } = await run.ended;
    expect(code).toBe(1);
    expect(jsonLines(stdout).at(-1)).toMatchObject({ type: "RUN_ERROR", code: "SERVER_SHUTDOWN" });
  });
});
