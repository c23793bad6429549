import type { Message, ResumeEntry, RunAgentInput } from "@dragoman/agui";
import type { RunInfo } from "../entries.ts";
import { decodeRecord, type EngineRecord } from "../records.ts";
import type { Session } from "../session.ts";

/** Reads back what a run was asked. Messages that the log held before are left out. */
export async function readRunInput(session: Session, info: RunInfo): Promise<RunAgentInput> {
  const record = await readRecord(session, info.inputRecord);
  if (record?.type !== "input") throw new Error(`record ${info.inputRecord} is not the input of a run`);
  return { ...record.input, messages: [...record.messages] as Message[] };
}

/** What a run goes on with. */
export interface Resumption {
  readonly answers: readonly ResumeEntry[];
  readonly toolCallIds: readonly string[];
}

/** Reads back what a run goes on with whose agent was not called. */
export async function readResumption(session: Session, number: number): Promise<Resumption> {
  const record = await readRecord(session, number);
  if (record?.type !== "resume") throw new Error(`record ${number} is not what a run goes on with`);
  return record;
}

async function readRecord(session: Session, number: number): Promise<EngineRecord | undefined> {
  const page = await session.log.readRecords(session.key, { after: number - 1, maxBytes: 1 });
  const bytes = page.records[0]?.bytes;
  return bytes && decodeRecord(bytes);
}
