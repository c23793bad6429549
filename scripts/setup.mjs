// Installs what the workspace needs. Runs on any Node from 20 on, needs nothing but npm.
import { setup } from "./workspace.mjs";

await setup({ quiet: false });
