import { once } from "node:events";
import { createServer } from "node:http";
import { EventEncoder } from "@ag-ui/encoder";
import type { AguiEvent } from "@dragoman/agui";
import express, { type Request, type Response } from "express";
import { openPort } from "../ports.ts";
import { firstEvent, mixEvents, readPlan } from "../workload.ts";

/** Express and @ag-ui/encoder, as AG-UI's documentation says how to write a server. */
async function run(request: Request, response: Response): Promise<void> {
  const accept = request.headers.accept;
  const encoder = new EventEncoder(accept === undefined ? {} : { accept });
  response.setHeader("content-type", encoder.getContentType());
  const write = (event: AguiEvent) =>
    response.write(encoder.encode(event as Parameters<typeof encoder.encode>[0]));
  const plan = readPlan(String(request.body.runId));
  if (plan.kind === "idle") {
    write(firstEvent);
    return;
  }
  if (plan.kind !== "mix") throw new Error(`no ${plan.kind} here`);
  for (const event of mixEvents(plan.cycles)) {
    if (!write(event)) await once(response, "drain");
  }
  response.end();
}

export const commands = {
  async listen(): Promise<{ http1: number }> {
    const app = express();
    app.use(express.json());
    app.post("/", run);
    return { http1: await openPort(createServer(app)) };
  },
};
