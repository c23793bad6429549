/** Lets one waiter sleep until something happened; what happened before it sleeps counts too. */
export class Latch {
  #isSet = false;
  #resolve: ((happened: boolean) => void) | undefined;

  /** Something happened. */
  readonly set = (): void => {
    this.#isSet = true;
    this.#resolve?.(true);
  };

  /** Waits until something happened; false if nothing did for so long. */
  async wait(timeoutMs: number): Promise<boolean> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const happened =
      this.#isSet ||
      (await new Promise<boolean>((resolve) => {
        this.#resolve = resolve;
        timer = setTimeout(resolve, timeoutMs, false);
      }));
    clearTimeout(timer);
    this.#resolve = undefined;
    this.#isSet = false;
    return happened;
  }
}
