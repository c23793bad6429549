import { Code, ConnectError } from "@connectrpc/connect";
import { type AgentClient, errorReasonOf } from "@dragoman/client";
import { HealthCheckResponse_Status as Status } from "@dragoman/contract/agent/v1/agui_service_pb";
import { HealthCheckResponse_ServingStatus as GrpcStatus } from "@dragoman/contract/grpc/health/v1/health_pb";

/**
 * Asks a host whether it takes runs; returns why it does not. A host that implements only what agents need has no
 * health to ask for: then its answer counts. Throws what the calls throw.
 */
export async function whyNotServing(
  { agui, health }: AgentClient,
  signal: AbortSignal,
): Promise<string | undefined> {
  try {
    const { status } = await agui.healthCheck({}, { signal });
    return status === Status.NOT_SERVING ? "its health is NOT_SERVING" : undefined;
  } catch (error) {
    if (!isUnimplemented(error)) throw error;
  }
  try {
    const { status } = await health.check({}, { signal });
    return status === GrpcStatus.NOT_SERVING ? "its grpc.health.v1 is NOT_SERVING" : undefined;
  } catch (error) {
    if (!isUnimplemented(error)) throw error;
    return undefined;
  }
}

/** Whether a method is not implemented by a host that is of the contract, as far as can be told. */
export function isUnimplemented(error: unknown): boolean {
  return (
    error instanceof ConnectError &&
    error.code === Code.Unimplemented &&
    errorReasonOf(error) !== "PATH_NOT_FOUND"
  );
}
