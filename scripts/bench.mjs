// npm run bench: the benchmarks, each beside its peers.
import { join } from "node:path";
import { build, nodePath, root, run, setup } from "./workspace.mjs";

await setup({ quiet: false });
await build();
const program = join(root, "bench/src/main.ts");
process.exitCode = await run(nodePath(), ["--conditions=source", program, ...process.argv.slice(2)]);
