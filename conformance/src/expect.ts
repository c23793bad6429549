import type { Expectation, Observation, RawEvent, ServerExpectation } from "./stream.ts";
import { follow, isSubset } from "./subset.ts";

/** Checks what a client made of a stream. Returns every difference in words; none if all is as expected. */
export function checkExpectation(expected: Expectation, observed: Observation): string[] {
  return [
    ...checkOutcome(expected, observed),
    ...checkWarnings(expected, observed),
    ...checkEvents(expected, observed.events),
    ...checkResult(expected, observed),
    ...checkRequest(expected, observed.request),
  ];
}

function* checkOutcome(expected: Expectation, observed: Observation): Generator<string> {
  if (expected.outcome !== undefined && expected.outcome !== observed.outcome) {
    yield `the stream was ${observed.outcome}, not ${expected.outcome}: ${observed.error || "no error"}`;
  }
  if (expected.errorContains !== undefined && !observed.error.includes(expected.errorContains)) {
    yield `the error lacks ${quote(expected.errorContains)}: ${quote(observed.error)}`;
  }
  const errors = observed.events.filter((event) => event.type === "RUN_ERROR");
  if (expected.runError === true && errors.length === 0) yield "no RUN_ERROR was delivered";
  if (expected.runError === false && errors.length > 0) yield "a RUN_ERROR was delivered";
  const text = expected.runError;
  if (typeof text === "string" && !errors.some((event) => String(event.message).includes(text))) {
    yield `no RUN_ERROR says ${quote(text)}: ${quote(errors.map((event) => event.message))}`;
  }
}

function* checkWarnings(expected: Expectation, observed: Observation): Generator<string> {
  for (const part of expected.warnings ?? []) {
    if (!observed.warnings.some((warning) => warning.includes(part))) {
      yield `no warning says ${quote(part)}: ${quote(observed.warnings)}`;
    }
  }
  if (expected.noWarnings === true && observed.warnings.length > 0) {
    yield `there were warnings: ${quote(observed.warnings)}`;
  }
}

function* checkEvents(expected: Expectation, events: readonly RawEvent[]): Generator<string> {
  const types = events.map((event) => event.type);
  if (expected.eventTypes !== undefined && !sameList(types, expected.eventTypes)) {
    yield `the events were ${types.join(" ")}, not ${expected.eventTypes.join(" ")}`;
  }
  for (const type of expected.eventTypesAbsent ?? []) {
    if (types.includes(type)) yield `${type} was delivered`;
  }
  for (const [path, value] of Object.entries(expected.eventPaths ?? {})) {
    const place = follow(events, path);
    if (!place.found) yield `there is no ${path}`;
    else if (!isSubset(place.value, value)) yield `${path} is ${quote(place.value)}, not ${quote(value)}`;
  }
  for (const path of expected.eventAbsentPaths ?? []) {
    if (follow(events, path).found) yield `there is a ${path}`;
  }
}

function* checkResult(expected: Expectation, observed: Observation): Generator<string> {
  if (expected.messageCount !== undefined && expected.messageCount !== observed.messages.length) {
    yield `there are ${observed.messages.length} messages, not ${expected.messageCount}`;
  }
  if (expected.messages !== undefined && !isSubset(observed.messages, expected.messages)) {
    yield `the messages are ${quote(observed.messages)}, not ${quote(expected.messages)}`;
  }
  if (Object.hasOwn(expected, "state") && !isSubset(observed.state, expected.state)) {
    yield `the state is ${quote(observed.state)}, not ${quote(expected.state)}`;
  }
}

function* checkRequest(expected: Expectation, request: unknown): Generator<string> {
  if (request === undefined) return;
  if (expected.request !== undefined && !isSubset(request, expected.request)) {
    yield `the request was ${quote(request)}, not ${quote(expected.request)}`;
  }
  for (const path of expected.requestAbsentPaths ?? []) {
    if (follow(request, path).found) yield `the request has ${path}`;
  }
}

/**
 * Checks what a verifying server delivered of a stream: the events before a violation, then whatever
 * closes what was open, then one terminal event and nothing more.
 */
export function checkServer(expected: ServerExpectation, events: readonly RawEvent[]): string[] {
  const types = events.map((event) => event.type);
  const problems: string[] = [];
  const delivered = types.slice(0, expected.events.length);
  if (!sameList(delivered, expected.events)) {
    return [
      `the server delivered ${types.join(" ")}, not ${[...expected.events, expected.terminal].join(" ")}`,
    ];
  }
  const rest = types.slice(expected.events.length);
  const terminal = rest.pop();
  if (terminal !== expected.terminal)
    problems.push(`the last event is ${terminal}, not ${expected.terminal}`);
  for (const type of rest) {
    if (!CLOSERS.has(type)) problems.push(`${type} comes between the agent's events and the terminal one`);
  }
  const last = events.at(-1);
  if (expected.code !== undefined && last?.code !== expected.code) {
    problems.push(`the code is ${quote(last?.code)}, not ${expected.code}`);
  }
  return problems;
}

const CLOSERS: ReadonlySet<string> = new Set([
  "TEXT_MESSAGE_END",
  "TOOL_CALL_END",
  "REASONING_MESSAGE_END",
  "REASONING_END",
  "STEP_FINISHED",
  "SUBAGENT_FINISHED",
  "SUBAGENT_ERROR",
]);

function sameList(actual: readonly string[], expected: readonly string[]): boolean {
  return actual.length === expected.length && actual.every((item, index) => item === expected[index]);
}

function quote(value: unknown): string {
  return JSON.stringify(value) ?? "undefined";
}
