import { Code, type HandlerContext, type ServiceImpl } from "@connectrpc/connect";
import type {
  BatchRunAgentRequest,
  BatchRunAgentResponse,
  BatchService,
} from "@dragoman/contract/orchestrator/v1/batch_service_pb";
import { newId } from "@dragoman/engine";
import { reasonError } from "@dragoman/rpc";
import type { Batches } from "./batch/batches.ts";
import {
  batchMessage,
  batchOptions,
  batchStateName,
  resultMessage,
  streamMessages,
} from "./batch-message.ts";
import { mapErrors, toConnectError } from "./errors.ts";
import type { CompleteOptions } from "./options.ts";
import { readBatchItems } from "./read-batch-items.ts";

/** Serves orchestrator.v1.BatchService. */
export function createBatchService(
  options: CompleteOptions,
  batches: Batches,
): ServiceImpl<typeof BatchService> {
  const { namespaceOf } = options;
  return {
    batchRunAgent: (request, context) => batchRunAgent(request, context, options, batches),
    getBatch: (request, context) =>
      mapErrors(async () => {
        const { batchId, pageSize, pageToken } = request;
        const page = await batches.get(namespaceOf(context), batchId, pageSize, pageToken);
        return {
          batch: batchMessage(page.batch),
          results: page.items.map((item) => resultMessage(batchId, item)),
          nextPageToken: page.nextPageToken,
        };
      }),
    listBatches: (request, context) =>
      mapErrors(async () => {
        const { pageSize, pageToken } = request;
        const state = batchStateName(request.state);
        const query = { namespace: namespaceOf(context), pageSize, pageToken, ...(state && { state }) };
        const { items, nextPageToken } = await batches.list(query);
        return { batches: items.map(batchMessage), nextPageToken };
      }),
    cancelBatch: (request, context) =>
      mapErrors(async () => {
        return { batch: batchMessage(await batches.cancel(namespaceOf(context), request.batchId)) };
      }),
  };
}

async function* batchRunAgent(
  request: BatchRunAgentRequest,
  context: HandlerContext,
  { namespaceOf, heartbeatMs }: CompleteOptions,
  batches: Batches,
): AsyncGenerator<BatchRunAgentResponse> {
  try {
    const namespace = namespaceOf(context);
    const batchId = request.batchId || newId();
    if (request.items.length > 0) {
      const items = await readBatchItems(request.items);
      await batches.make({ namespace, batchId, items, options: batchOptions(request.options) });
    } else if (request.batchId === "") throw nothingAsked();
    const read = { withEvents: request.events, idleMs: heartbeatMs, signal: context.signal };
    for await (const item of batches.read(namespace, batchId, read)) yield* streamMessages(batchId, item);
  } catch (error) {
    throw toConnectError(error);
  }
}

function nothingAsked() {
  const message = "items must not be empty, unless batch_id names the batch to join";
  return reasonError(Code.InvalidArgument, "INVALID_REQUEST", message, { metadata: { field: "items" } });
}
