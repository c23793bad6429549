// What the root commands share: install once, find our own Node, run a program of the workspace.
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("..", import.meta.url));
const bin = join(root, "node_modules/.bin");
const stamp = join(root, "node_modules/.dragoman-setup");
const pnpmVersion = "12.21.0";
const nodeMajorMin = 22;

/** Everything that programs of the workspace are run with. */
export function environment() {
  return {
    ...process.env,
    PATH: `${bin}${delimiter}${process.env.PATH ?? ""}`,
    TURBO_TELEMETRY_DISABLED: "1",
    DO_NOT_TRACK: "1",
    NO_UPDATE_NOTIFIER: "1",
  };
}

/** Installs the locked dependencies unless they are there. */
export async function setup({ quiet }) {
  const wanted = lockHash();
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === wanted && existsSync(join(bin, "turbo"))) return;
  if (!quiet) console.error("Installing dependencies (once; about 20 seconds) …");
  const npx = process.platform === "win32" ? "npx.cmd" : "npx";
  const args = [
    "-y",
    "--prefer-offline",
    `pnpm@${pnpmVersion}`,
    "install",
    "--frozen-lockfile",
    "--reporter=append-only",
  ];
  const result = spawnSync(npx, args, { cwd: root, env: process.env, encoding: "utf8" });
  if (result.status !== 0) {
    process.stderr.write(`${result.stdout ?? ""}${result.stderr ?? ""}`);
    fail("The installation failed. The lines above say why; `npm run setup` tries again.");
  }
  writeFileSync(stamp, wanted);
}

/** The Node that runs our programs: the pinned one where its package exists, else the one on PATH. */
export function nodePath() {
  const pinned = join(bin, "node");
  if (existsSync(pinned)) return pinned;
  if (Number(process.versions.node.split(".")[0]) >= nodeMajorMin) return process.execPath;
  fail(`This platform has no pinned Node: install Node ${nodeMajorMin} or newer and try again.`);
}

/** Runs a program and resolves with its exit code. */
export function run(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, env: environment(), stdio: "inherit", ...options });
    const pass = (signal) => child.kill(signal);
    process.on("SIGINT", pass);
    process.on("SIGTERM", pass);
    child.on("error", reject);
    child.on("exit", (code, signal) => {
      process.off("SIGINT", pass);
      process.off("SIGTERM", pass);
      resolve(code ?? (signal === "SIGINT" ? 130 : 143));
    });
  });
}

/** Runs a program, keeps its output, and resolves with both. */
export function capture(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, env: environment(), ...options });
    let output = "";
    child.stdout.on("data", (data) => (output += data));
    child.stderr.on("data", (data) => (output += data));
    child.on("error", reject);
    child.on("exit", (code) => resolve({ code: code ?? 1, output }));
  });
}

/** Builds every package, from the cache where nothing changed. */
export async function build() {
  const { code, output } = await capture(join(bin, "turbo"), ["run", "build", "--output-logs=errors-only"]);
  if (code !== 0) {
    process.stderr.write(output);
    fail("The build failed. The lines above say why.");
  }
}

export function fail(message) {
  console.error(message);
  process.exit(1);
}

function lockHash() {
  const hash = createHash("sha256");
  for (const file of ["pnpm-lock.yaml", "pnpm-workspace.yaml", "package.json"])
    hash.update(readFileSync(join(root, file)));
  return hash.digest("hex");
}
