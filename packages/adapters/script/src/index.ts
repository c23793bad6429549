export { createAgent, type ScriptOptions } from "./create-agent.ts";
export { ScriptError } from "./read-script.ts";
