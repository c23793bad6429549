import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startProcess } from "./start-process.ts";
import { createTempFolder, type TempFolder } from "./temp-folder.ts";

const program = `
import { appendFileSync, readFileSync } from "node:fs";
const file: string = process.env.DATA + "/starts";
appendFileSync(file, "x");
process.on("SIGTERM", () => { console.log("bye"); process.exit(7); });
console.error("starting", process.execArgv.join(" "));
console.log("listening on port " + readFileSync(file).length + " " + process.argv[2]);
setInterval(() => {}, 1000);
`;

describe("startProcess", () => {
  let folder: TempFolder;
  let file: string;
  beforeEach(async () => {
    folder = await createTempFolder();
    file = join(folder.path, "program.ts");
    await writeFile(file, program);
  });
  afterEach(() => folder.remove());

  const start = () =>
    startProcess({ program: file, args: ["one"], env: { DATA: folder.path }, ready: /port (\d+) (\w+)/ });

  it("waits for the line and gives its groups", async () => {
    await using started = await start();
    expect([...started.ready]).toEqual(["port 1 one", "1", "one"]);
    expect(started.stderr).toContain("starting --conditions=source");
    expect(process.kill(started.pid, 0)).toBe(true);
  });

  it("kills without a chance to write, and restarts on the same data", async () => {
    const first = await start();
    expect(await first.kill()).toEqual({ code: null, signal: "SIGKILL" });
    expect(first.stdout).not.toContain("bye");
    await using second = await first.restart();
    expect(second.ready[1]).toBe("2");
    await using third = await second.restart({ args: ["two"] });
    expect([...third.ready].slice(1)).toEqual(["3", "two"]);
    expect(await second.exited).toEqual({ code: null, signal: "SIGKILL" });
  });

  it("returns the exit code of a graceful end, with the last words", async () => {
    const started = await start();
    expect(await started.kill("SIGTERM")).toEqual({ code: 7, signal: null });
    expect(started.stdout).toContain("bye");
  });

  it("says what a program printed that ends before it is ready", async () => {
    await writeFile(file, `console.error("no such luck"); process.exit(3);`);
    await expect(start()).rejects.toThrow(/ended with 3 before it was ready[\s\S]*no such luck/);
  });

  it("says what a program printed that is never ready", async () => {
    const options = { program: file, env: { DATA: folder.path }, ready: "what? [never]", timeoutMs: 1_000 };
    await expect(startProcess(options)).rejects.toThrow(/took longer than 1000 ms[\s\S]*listening on port/);
  });

  it("takes plain text for the line", async () => {
    await using started = await startProcess({ program: file, env: { DATA: folder.path }, ready: "port 1 " });
    expect(started.ready[0]).toBe("port 1 ");
  });
});
