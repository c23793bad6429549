import { Code, type HandlerContext, type ServiceImpl } from "@connectrpc/connect";
import {
  type Health as HealthService,
  HealthCheckResponse_ServingStatus as Status,
} from "@dragoman/contract/grpc/health/v1/health_pb";
import { raceAbort, reasonError } from "@dragoman/rpc";

/** What a server says about itself to probes and load balancers. */
export class Health {
  readonly #statuses = new Map<string, Status>();
  readonly #watchers = new Set<() => void>();
  #final = false;

  /** `services` are the names that can be asked for besides the whole server (the empty name). All serve. */
  constructor(services: Iterable<string>) {
    for (const name of ["", ...services]) {
      this.#statuses.set(name, Status.SERVING);
    }
  }

  /** Whether the whole server takes calls. */
  get serving(): boolean {
    return this.#statuses.get("") === Status.SERVING;
  }

  /** Says whether the server, with all its services, takes calls. Nothing changes after {@link shutdown}. */
  setServing(serving: boolean): void {
    if (!this.#final) {
      for (const name of this.#statuses.keys()) {
        this.#statuses.set(name, serving ? Status.SERVING : Status.NOT_SERVING);
      }
      this.#notify();
    }
  }

  /** The first step of a drain: nothing serves, and it stays so. */
  shutdown(): void {
    this.setServing(false);
    this.#final = true;
  }

  /** The implementation of grpc.health.v1. */
  service(): ServiceImpl<typeof HealthService> {
    return {
      check: (request) => {
        const status = this.#statuses.get(request.service);
        if (status === undefined) {
          throw reasonError(Code.NotFound, "UNSPECIFIED", `No service is called "${request.service}".`);
        }
        return { status };
      },
      list: () => ({
        statuses: Object.fromEntries([...this.#statuses].map(([name, status]) => [name, { status }])),
      }),
      watch: (request, context) => this.#watch(request.service, context),
    };
  }

  async *#watch(service: string, { signal }: HandlerContext) {
    let last: Status | undefined;
    for (;;) {
      const status = this.#statuses.get(service) ?? Status.SERVICE_UNKNOWN;
      if (status !== last) {
        last = status;
        yield { status };
      } else {
        await this.#changed(signal);
      }
    }
  }

  async #changed(signal: AbortSignal): Promise<void> {
    let wake: (() => void) | undefined;
    const changed = new Promise<void>((resolve) => {
      wake = resolve;
      this.#watchers.add(resolve);
    });
    try {
      await raceAbort(changed, signal);
    } finally {
      if (wake) {
        this.#watchers.delete(wake);
      }
    }
  }

  #notify(): void {
    for (const wake of [...this.#watchers]) {
      wake();
    }
  }
}
