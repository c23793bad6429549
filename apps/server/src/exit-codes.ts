/** What the exit code of a command tells a script. */
export const exitCodes = {
  /** It did what was asked; a run finished with success. */
  ok: 0,
  /** It failed: the call, or the run. The last line of standard error says why. */
  failed: 1,
  /** The command line or the configuration is wrong; nothing was done. */
  usage: 2,
  /** The run waits for an answer. */
  interrupted: 3,
  /** The run was cancelled. */
  cancelled: 4,
  /** The server cannot be reached. */
  unavailable: 5,
} as const;
