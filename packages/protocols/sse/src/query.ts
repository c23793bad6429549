import { Code } from "@connectrpc/connect";
import {
  History,
  IfActive,
  OnDisconnect,
  OnOpenInterrupts,
} from "@dragoman/contract/agent/v1/run_options_pb";
import { AttachMode } from "@dragoman/contract/orchestrator/v1/cursor_pb";
import { reasonError } from "@dragoman/rpc";

const ifActiveNames = { reject: IfActive.REJECT, queue: IfActive.QUEUE, cancel: IfActive.CANCEL };
const onDisconnectNames = { continue: OnDisconnect.CONTINUE, cancel: OnDisconnect.CANCEL };
const historyNames = { append: History.APPEND, replace: History.REPLACE };
const onOpenInterruptsNames = { cancel: OnOpenInterrupts.CANCEL };
const modeNames = {
  tail: AttachMode.TAIL,
  snapshot: AttachMode.SNAPSHOT,
  beginning: AttachMode.BEGINNING,
};

/** The options of a run that its URL may carry, named as in the contract; what is absent keeps its default. */
export function runOptions(query: URLSearchParams) {
  const graceMs = integer(query, "onDisconnectGraceMs");
  const baseSequence = integer(query, "baseSequence");
  const ifStateRevision = integer(query, "ifStateRevision");
  return {
    ifActive: oneOf(query, "ifActive", ifActiveNames) ?? IfActive.UNSPECIFIED,
    onDisconnect: oneOf(query, "onDisconnect", onDisconnectNames) ?? OnDisconnect.UNSPECIFIED,
    history: oneOf(query, "history", historyNames) ?? History.UNSPECIFIED,
    onOpenInterrupts: oneOf(query, "onOpenInterrupts", onOpenInterruptsNames) ?? OnOpenInterrupts.UNSPECIFIED,
    ...(graceMs !== undefined && {
      onDisconnectGrace: { seconds: graceMs / 1000n, nanos: Number(graceMs % 1000n) * 1_000_000 },
    }),
    ...(baseSequence !== undefined && { baseSequence }),
    ...(ifStateRevision !== undefined && { ifStateRevision }),
  };
}

/** What a reader wants first; undefined if the query does not say. */
export function attachMode(query: URLSearchParams): AttachMode | undefined {
  return oneOf(query, "mode", modeNames);
}

/** A yes-or-no parameter. `?follow` alone means yes. */
export function flag(query: URLSearchParams, name: string): boolean {
  return oneOf(query, name, { "": true, true: true, "1": true, false: false, "0": false }) ?? false;
}

function oneOf<T>(query: URLSearchParams, name: string, values: Readonly<Record<string, T>>): T | undefined {
  const given = query.get(name);
  if (given === null) {
    return undefined;
  }
  if (!Object.hasOwn(values, given)) {
    const known = Object.keys(values).filter((value) => value !== "");
    throw invalid(name, given, `one of ${known.join(", ")}`);
  }
  return values[given];
}

function integer(query: URLSearchParams, name: string): bigint | undefined {
  const given = query.get(name);
  if (given === null) {
    return undefined;
  }
  if (!/^\d{1,15}$/.test(given)) {
    throw invalid(name, given, "a whole number");
  }
  return BigInt(given);
}

function invalid(name: string, given: string, expected: string) {
  const message = `The query parameter ${name} is "${given}"; it must be ${expected}.`;
  return reasonError(Code.InvalidArgument, "INVALID_REQUEST", message);
}
