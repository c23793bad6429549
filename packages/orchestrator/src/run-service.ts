import type { ServiceImpl } from "@connectrpc/connect";
import { AttachMode } from "@dragoman/contract/orchestrator/v1/cursor_pb";
import { ObserveRunResponseSchema, type RunService } from "@dragoman/contract/orchestrator/v1/run_service_pb";
import type { AttachMode as AttachModeName, RunInfo } from "@dragoman/engine";
import { attachOptions } from "./agui-service.ts";
import { attachStream } from "./attach-stream.ts";
import { mapErrors } from "./errors.ts";
import type { CompleteOptions } from "./options.ts";
import { runMessage, runStateName } from "./to-message.ts";

const modes: Readonly<Record<AttachMode, AttachModeName>> = {
  [AttachMode.UNSPECIFIED]: "default",
  [AttachMode.TAIL]: "tail",
  [AttachMode.SNAPSHOT]: "snapshot",
  [AttachMode.BEGINNING]: "beginning",
};

/** The engine's name of an attach mode. */
export function attachModeName(mode: AttachMode): AttachModeName {
  return modes[mode] ?? "default";
}

/** Serves orchestrator.v1.RunService on an engine. */
export function createRunService(options: CompleteOptions): ServiceImpl<typeof RunService> {
  const { engine, namespaceOf } = options;
  const withInterrupts = async (namespace: string, info: RunInfo) => {
    if (info.state !== "interrupted") return runMessage(info);
    const session = await engine.getSession({ namespace, id: info.sessionId });
    const own = session.openInterrupts.filter((open) => open.runId === info.runId);
    return runMessage(
      info,
      own.map((open) => open.interrupt.id),
    );
  };
  return {
    observeRun: (request, context) =>
      attachStream(ObserveRunResponseSchema, context, () => {
        const key = { namespace: namespaceOf(context), id: request.sessionId };
        const attach = { ...attachOptions(request, context, options), mode: attachModeName(request.mode) };
        return engine.observeRun(key, request.runId, attach);
      }),
    getRun: (request, context) =>
      mapErrors(async () => {
        const namespace = namespaceOf(context);
        const info = await engine.getRun({ namespace, id: request.sessionId }, request.runId);
        return { run: await withInterrupts(namespace, info) };
      }),
    listRuns: (request, context) =>
      mapErrors(async () => {
        const state = runStateName(request.state);
        const page = await engine.listRuns({
          namespace: namespaceOf(context),
          pageSize: request.pageSize,
          pageToken: request.pageToken,
          sessionId: request.sessionId,
          agentId: request.agentId,
          ...(state && { state }),
        });
        return { runs: page.items.map((info) => runMessage(info)), nextPageToken: page.nextPageToken };
      }),
    cancelRun: (request, context) =>
      mapErrors(async () => {
        const namespace = namespaceOf(context);
        const info = await engine.cancelRun({ namespace, id: request.sessionId }, request.runId);
        return { run: await withInterrupts(namespace, info) };
      }),
  };
}
