/** A reader's wait for something to happen, or for a silence that is long enough to be told. One at a time. */
export class IdleWait {
  #resolve: ((isIdle: boolean) => void) | undefined;

  /** Ends the wait that goes on, if there is one. A field, so that it can be handed out. */
  readonly wake = (): void => this.#resolve?.(false);

  /** Waits to be woken; true if nothing did for so long. */
  async wait(idleMs: number): Promise<boolean> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const isIdle = await new Promise<boolean>((resolve) => {
      this.#resolve = resolve;
      timer = setTimeout(() => resolve(true), idleMs);
      timer.unref?.();
    });
    clearTimeout(timer);
    this.#resolve = undefined;
    return isIdle;
  }
}
