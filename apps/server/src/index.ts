export { readConfig, type ServeConfig, type ServeFlags } from "./serve/config.ts";
export { type Program, startProgram } from "./serve/start-program.ts";
export { UsageError } from "./usage-error.ts";
