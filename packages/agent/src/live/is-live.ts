import { capabilitiesFromMessage } from "@dragoman/agui";
import type { AgentClient } from "@dragoman/client";
import { areLive } from "../capabilities.ts";

/** What a remote host says about itself and one agent. */
export interface RemoteKind {
  /** Whether the agent takes input while it works. */
  readonly isLive: boolean;
  /** Whether the host keeps a log, so that a run can be gone on with. */
  readonly isResumable: boolean;
}

/** How long an answer counts, in milliseconds. */
const freshMs = 30_000;
/** How long a host may take to answer, in milliseconds. */
const timeoutMs = 2_000;
const plain: RemoteKind = { isLive: false, isResumable: false };

/** Asks a host what it is, and remembers the answer for a while. */
export class KindOfRemote {
  readonly #client: Pick<AgentClient, "agui">;
  readonly #agentId: string;
  #known: { readonly kind: RemoteKind; readonly untilMs: number } | undefined;

  constructor(client: Pick<AgentClient, "agui">, agentId: string) {
    this.#client = client;
    this.#agentId = agentId;
  }

  /** What the host said; a host that does not say is asked again the next time. Never rejects. */
  async get(signal: AbortSignal): Promise<RemoteKind> {
    if (this.#known && performance.now() < this.#known.untilMs) return this.#known.kind;
    const limit = AbortSignal.timeout(timeoutMs);
    let kind = plain;
    try {
      const request = { agentId: this.#agentId };
      const info = await this.#client.agui.getServiceInfo(request, {
        signal: AbortSignal.any([signal, limit]),
      });
      const capabilities = info.agents[0]?.capabilities;
      const isLive = capabilities !== undefined && areLive(capabilitiesFromMessage(capabilities));
      kind = { isLive, isResumable: info.resumable };
    } catch {
      // Whatever is wrong with the host, the run will tell. Not to wait each time counts only for silence.
      if (!limit.aborted) return plain;
    }
    this.#known = { kind, untilMs: performance.now() + freshMs };
    return kind;
  }

  /** Forgets what it knows: the host turned out to be another one. */
  forget(): void {
    this.#known = undefined;
  }
}
