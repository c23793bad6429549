import type { Message, ResumeEntry, RunAgentInput } from "@dragoman/agui";

/**
 * What an engine writes beside the events of a session. No client reads these.
 *
 * - `input`: a run was accepted. Messages that the log already holds are left out and named by id.
 * - `cancel`: somebody wants the run to end as cancelled.
 * - `decision`: interrupts were answered; `decidedByRunId` is empty where no run brought the answers.
 * - `resume`: the answers that a run goes on with, and the calls that they are about.
 */
export type EngineRecord =
  | {
      readonly type: "input";
      readonly time: number;
      readonly runId: string;
      readonly agentId: string;
      readonly fingerprint: string;
      readonly input: Omit<RunAgentInput, "messages">;
      readonly messages: readonly Message[];
      readonly knownMessageIds: readonly string[];
    }
  | { readonly type: "cancel"; readonly time: number; readonly runId: string; readonly reason: string }
  | {
      readonly type: "decision";
      readonly time: number;
      readonly runId: string;
      readonly decidedByRunId: string;
      readonly answers: readonly ResumeEntry[];
    }
  | {
      readonly type: "resume";
      readonly time: number;
      readonly runId: string;
      readonly answers: readonly ResumeEntry[];
      readonly toolCallIds: readonly string[];
    };

/** Encodes a record for the log. */
export function encodeRecord(record: EngineRecord): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(record));
}

/** Decodes a record of the log. */
export function decodeRecord(bytes: Uint8Array): EngineRecord {
  return JSON.parse(new TextDecoder().decode(bytes)) as EngineRecord;
}
