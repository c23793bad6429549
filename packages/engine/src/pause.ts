/** Holds something back until it is let go, or the time is over. */
export class Pause {
  readonly #timeoutMs: number;
  readonly #onChange: () => void;
  #over: Promise<void> = Promise.resolve();
  #release: (() => void) | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(timeoutMs: number, onChange: () => void = () => {}) {
    this.#timeoutMs = timeoutMs;
    this.#onChange = onChange;
  }

  get isOn(): boolean {
    return this.#release !== undefined;
  }

  /** Resolves when the pause is over. */
  get over(): Promise<void> {
    return this.#over;
  }

  set(isOn: boolean): void {
    if (isOn === this.isOn) return;
    clearTimeout(this.#timer);
    if (!isOn) {
      const release = this.#release;
      this.#release = undefined;
      release?.();
      this.#onChange();
      return;
    }
    this.#over = new Promise((resolve) => {
      this.#release = resolve;
    });
    this.#timer = setTimeout(() => this.set(false), this.#timeoutMs);
    this.#timer.unref?.();
    this.#onChange();
  }
}
