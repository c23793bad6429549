import { type TransferListItem, Worker } from "node:worker_threads";
import { StoreFailedError } from "@dragoman/event-log";
import { fromFailure, isFailure } from "./failures.ts";
import type { WorkerSetup } from "./protocol.ts";

/** What becomes of a request. */
export interface Receiver<Reply> {
  receive(reply: Reply): void;
  fail(error: Error): void;
}

/**
 * A worker thread that answers every message with one message, in order.
 *
 * It keeps the process alive only while an answer is due.
 */
export class WorkerLink<Request, Reply extends object> {
  readonly #worker: Worker;
  readonly #due = new Map<number, Receiver<Reply>>();
  #sent = 0;
  #received = 0;
  #failure: Error | undefined;
  readonly #exited: Promise<void>;

  private constructor(worker: Worker) {
    this.#worker = worker;
    this.#exited = new Promise((resolve) => {
      worker.once("exit", () => {
        this.#fail(new StoreFailedError("a thread of the store ended"));
        resolve();
      });
    });
    worker.on("error", (error) => {
      this.#fail(new StoreFailedError(`a thread of the store failed: ${error}`, { cause: error }));
    });
    worker.on("message", (reply: Reply) => this.#receive(reply));
  }

  /** Starts a worker and waits for its greeting, which counts as an answer; rejects if that is a failure. */
  static async start<Request, Reply extends object>(
    name: "writer" | "reader",
    setup: WorkerSetup,
  ): Promise<WorkerLink<Request, Reply>> {
    // The worker lies beside this file and is TypeScript exactly if this file is.
    const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
    const url = new URL(`./${name}.worker.${extension}`, import.meta.url);
    const worker = new Worker(url, { workerData: setup, name: `dragoman store ${name}` });
    const link = new WorkerLink<Request, Reply>(worker);
    const greeting = await new Promise<object | null>((resolve, reject) => {
      link.#expect({ receive: resolve, fail: reject });
    });
    if (isFailure(greeting)) {
      worker.ref();
      await link.#exited;
      throw fromFailure(greeting, { namespace: "", id: "" });
    }
    return link;
  }

  /** Sends a message. Exactly one of the receiver's methods is called, later. */
  send(message: Request, transfer: readonly TransferListItem[], receiver: Receiver<Reply>): void {
    if (this.#failure) {
      const failure = this.#failure;
      queueMicrotask(() => receiver.fail(failure));
      return;
    }
    this.#worker.postMessage(message, transfer);
    this.#expect(receiver);
  }

  /** Ends the worker once it answered everything. */
  async close(): Promise<void> {
    if (!this.#failure) {
      this.#worker.ref();
      this.#worker.postMessage("close");
    }
    await this.#exited;
  }

  #expect(receiver: Receiver<Reply>): void {
    if (this.#due.size === 0) this.#worker.ref();
    this.#due.set(this.#sent++, receiver);
  }

  #receive(reply: Reply): void {
    const number = this.#received++;
    const receiver = this.#due.get(number);
    this.#due.delete(number);
    if (this.#due.size === 0) this.#worker.unref();
    receiver?.receive(reply);
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    const due = [...this.#due.values()];
    this.#due.clear();
    for (const receiver of due) receiver.fail(this.#failure);
  }
}
