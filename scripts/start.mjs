// npm start: installs, builds and serves.
import { join } from "node:path";
import { build, nodePath, root, run, setup } from "./workspace.mjs";

await setup({ quiet: false });
await build();
const program = join(root, "apps/server/dist/main.js");
process.exitCode = await run(nodePath(), [program, "serve", ...process.argv.slice(2)]);
