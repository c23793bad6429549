import type { Silence } from "@dragoman/agent";
import { LlmError } from "./errors.ts";

/**
 * A fetch whose answers end with an error when they get too large or go silent. The SDK in front of it buffers what
 * it is given without a limit, and its own timeout ends with the head of the answer.
 */
export function guardedFetch(maxResponseBytes: number, silence: Silence): typeof fetch {
  return async (request, init) => {
    const response = await fetch(request, init);
    if (response.body === null) return response;
    const { status, statusText, headers } = response;
    return new Response(guarded(response.body, maxResponseBytes, silence), { status, statusText, headers });
  };
}

function guarded(
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
  maxBytes: number,
  silence: Silence,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  const reader = body.getReader();
  let bytes = 0;
  const source: UnderlyingDefaultSource<Uint8Array<ArrayBuffer>> = {
    async pull(controller) {
      const { done, value } = await silence.wait(reader.read());
      if (done) return controller.close();
      bytes += value.length;
      if (bytes <= maxBytes) return controller.enqueue(value);
      await reader.cancel();
      controller.error(tooLarge(maxBytes));
    },
    cancel: (reason) => reader.cancel(reason),
  };
  // Reads only when asked, so that what counts as silence is the endpoint's and not our reader's.
  return new ReadableStream(source, { highWaterMark: 0 });
}

function tooLarge(maxBytes: number): LlmError {
  return new LlmError("LLM_TOO_LARGE", `The model's endpoint answered with more than ${maxBytes} bytes.`);
}
