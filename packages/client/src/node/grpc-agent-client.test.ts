import { describe, expect, expectTypeOf, test } from "vitest";
import type { AgentAnswer, AgentEvent } from "../agent-loop.ts";
import { type AgentRequest, createGrpcAgentClient, type SpawnRequest } from "./grpc-agent-client.ts";

describe("a target", () => {
  test.each([
    "localhost:50051",
    "127.0.0.1:50051",
    "[::1]:50051",
    "agents.example",
    "localhost:50051/",
    "localhost:50051/prefix",
    "http://localhost:50051",
    "HTTP://localhost:50051/",
    "https://agents.example",
  ])("%s is called", (target) => {
    createGrpcAgentClient(target).close();
  });

  test.each([
    "",
    " ",
    ":50051",
    "localhost:port",
    "dns:///localhost:50051",
    "dns:localhost:50051",
    "ipv4:127.0.0.1:50051",
    "unix:/run/agents.sock",
    "unix:agents.sock",
    "grpc://localhost:50051",
    "ws://localhost:50051",
    "user:secret@localhost:50051",
    "http://user:secret@localhost:50051",
    "http://localhost:50051/?key=secret",
  ])("'%s' is refused with what one is", (target) => {
    const creating = () => createGrpcAgentClient(target);
    expect(creating).toThrow(TypeError);
    expect(creating).toThrow(/"localhost:50051"/);
    expect(creating).not.toThrow(/secret/);
  });

  test("in plain text is refused where there are certificates: they would not be used", () => {
    expect(() => createGrpcAgentClient("http://localhost:50051", { tls: { ca: "" } })).toThrow(/https:\/\//);
    createGrpcAgentClient("https://localhost:50051", { tls: { ca: "" } }).close();
  });
});

test("requests and events are typed as users write them", () => {
  const minimal = { message: "hi" } satisfies AgentRequest;
  expectTypeOf(minimal).toExtend<AgentRequest>();
  expectTypeOf({ uid: "u" }).not.toExtend<AgentRequest>();
  expectTypeOf({ targetAgentId: "a", task: "t" }).toExtend<SpawnRequest>();
  expectTypeOf({ task: "t" }).not.toExtend<SpawnRequest>();
  expectTypeOf<AgentEvent["data"]>().toEqualTypeOf<string>();
  type Completed = Extract<AgentEvent, { type: "completed" }>;
  expectTypeOf<Completed>().toExtend<AgentAnswer>();
  type Client = ReturnType<typeof createGrpcAgentClient>;
  expectTypeOf<Client["runAgentLoopStream"]>().returns.toEqualTypeOf<AsyncIterable<AgentEvent>>();
  // @ts-expect-error a field that there is none of is a mistake
  const unknown: AgentRequest = { message: "hi", sesionId: "s" };
  expect(unknown.message).toBe("hi");
});
