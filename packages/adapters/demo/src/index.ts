export { createAgent, type DemoOptions } from "./create-agent.ts";
