// npm test: everything that must hold, in one run. Installs what it needs.
//   --only lint    style, contract lint and format, breaking changes
//   --packed       also packs the contract and uses it from outside the workspace
// Further arguments go to vitest, such as a part of a file name.
import { existsSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { capture, nodePath, root, setup } from "./workspace.mjs";

const args = process.argv.slice(2);
const onlyLint = args[0] === "--only" && args[1] === "lint";
const packed = args.includes("--packed");
const filters = onlyLint ? [] : args.filter((arg) => arg !== "--packed");
const bin = (name) => join(root, "node_modules/.bin", name);
const protoPaths = ["agui", "agent", "orchestrator"].flatMap((name) => ["--path", `api/${name}`]);

await setup({ quiet: false });
let passed = 0;
let failed = 0;
let skipped = 0;

await step("generate the contract", bin("turbo"), ["run", "generate", "--output-logs=errors-only"]);
await step("biome", bin("biome"), ["check", "--error-on-warnings", "."]);
await step("buf lint", bin("buf"), ["lint"]);
await step("buf format", bin("buf"), ["format", "-d", "--exit-code", ...protoPaths]);
await step("buf breaking", nodePath(), ["scripts/breaking.mjs"]);
if (!onlyLint) {
  await step("build", bin("turbo"), ["run", "build", "--output-logs=errors-only"]);
  await step("types", bin("turbo"), ["run", "types", "--output-logs=errors-only"]);
  if (packed) await step("packed contract", nodePath(), ["scripts/check-packed.mjs"]);
  await vitest();
}
console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`);
process.exitCode = failed > 0 ? 1 : 0;

async function step(name, command, commandArgs) {
  const started = Date.now();
  const { code, output } = await capture(command, commandArgs);
  const seconds = ((Date.now() - started) / 1000).toFixed(1);
  console.log(`${code === 0 ? "ok  " : "FAIL"} ${name} (${seconds} s)`);
  if (code === 0) passed++;
  else {
    failed++;
    console.log(output);
  }
}

async function vitest() {
  const report = join(tmpdir(), `dragoman-vitest-${process.pid}.json`);
  const reporters = ["--reporter=dot", "--reporter=json", `--outputFile.json=${report}`];
  const { code, output } = await capture(bin("vitest"), ["run", ...reporters, ...filters]);
  const result = existsSync(report) ? JSON.parse(readFileSync(report, "utf8")) : undefined;
  rmSync(report, { force: true });
  passed += result?.numPassedTests ?? 0;
  skipped += (result?.numPendingTests ?? 0) + (result?.numTodoTests ?? 0);
  const broken = result?.numFailedTests ?? 0;
  failed += code !== 0 && broken === 0 ? 1 : broken;
  console.log(
    `${code === 0 ? "ok  " : "FAIL"} tests (${result?.numPassedTests ?? 0} passed, ${broken} failed)`,
  );
  console.log(code === 0 ? notes(output) : output);
}

/** What a passing run wants people to know, such as what it left out. */
function notes(output) {
  return output
    .split("\n")
    .filter((line) => line.startsWith("note: "))
    .join("\n");
}
