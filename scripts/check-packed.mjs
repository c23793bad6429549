// Uses the contract as a stranger would: packed, installed outside of the workspace, from Node, from TypeScript with
// both module resolutions, and in a browser bundle.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { environment, nodePath, root } from "./workspace.mjs";

const folder = mkdtempSync(join(tmpdir(), "dragoman-packed-"));
const catalog = readFileSync(join(root, "pnpm-workspace.yaml"), "utf8");
const versionOf = (name) => new RegExp(`^ {2}"?${name}"?: (\\S+)$`, "m").exec(catalog)?.[1];

try {
  run(
    join(root, "node_modules/.bin/pnpm"),
    ["pack", "--pack-destination", folder],
    join(root, "packages/contract"),
  );
  const tarball = readdirSync(folder).find((name) => name.endsWith(".tgz"));
  writeProject(tarball);
  run("npm", ["install", "--no-audit", "--no-fund", "--loglevel=error"], folder);
  const bin = join(folder, "node_modules/.bin");
  run(nodePath(), ["use.mjs"], folder);
  for (const [module, resolution] of [
    ["nodenext", "nodenext"],
    ["esnext", "bundler"],
  ]) {
    const flags = ["--noEmit", "--strict", "--target", "es2022", "--skipLibCheck", "--types", ""];
    run(join(bin, "tsc"), [...flags, "--module", module, "--moduleResolution", resolution, "use.ts"], folder);
  }
  run(
    join(bin, "esbuild"),
    ["use.mjs", "--bundle", "--format=esm", "--platform=browser", "--outfile=bundle.mjs"],
    folder,
  );
  run(nodePath(), ["bundle.mjs"], folder);
  console.log("the packed contract works in Node, in TypeScript and in a bundle");
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function writeProject(tarball) {
  const dependencies = { "@dragoman/contract": `file:${tarball}` };
  for (const name of [
    "@bufbuild/protobuf",
    "@connectrpc/connect",
    "@connectrpc/connect-web",
    "esbuild",
    "typescript",
  ]) {
    dependencies[name] = versionOf(name);
  }
  writeFileSync(
    join(folder, "package.json"),
    JSON.stringify({ private: true, type: "module", dependencies }),
  );
  const program = `
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-web";
import { AGUIService, RunAgentRequestSchema } from "@dragoman/contract/agent/v1/agui_service_pb";
import { RunService } from "@dragoman/contract/orchestrator/v1/run_service_pb";

const transport = createGrpcWebTransport({ baseUrl: "http://127.0.0.1:1" });
const client = createClient(AGUIService, transport);
const request = create(RunAgentRequestSchema, { agentId: "demo", input: { threadId: "t", runId: "r" } });
const copy = fromBinary(RunAgentRequestSchema, toBinary(RunAgentRequestSchema, request));
if (copy.input?.threadId !== "t" || typeof client.runAgent !== "function") throw new Error("the contract does not work");
if (RunService.typeName !== "orchestrator.v1.RunService") throw new Error("the wrong service");
`;
  writeFileSync(join(folder, "use.mjs"), program);
  writeFileSync(join(folder, "use.ts"), program);
}

function run(command, args, cwd) {
  const result = spawnSync(command, args, { cwd, env: environment(), encoding: "utf8" });
  if (result.status === 0) return;
  console.log(
    `${command} ${args.join(" ")}\n${result.stdout ?? ""}${result.stderr ?? ""}${result.error ?? ""}`,
  );
  throw new Error(`${command} failed`);
}
