import { type AguiEvent, createReducer, type Message, type Reducer, ViolationError } from "@dragoman/agui";

/**
 * The activities while a run is active, as of what is written. Kept from the first event on that concerns them, for
 * the fold of the session shows only what is durable.
 */
export class RunActivities {
  readonly #messages: () => readonly Message[];
  #reducer: Reducer | undefined;
  #problem: string | undefined;

  /** `messages` gives the history as of what is durable. */
  constructor(messages: () => readonly Message[]) {
    this.#messages = messages;
  }

  /**
   * Takes the next event before it is written. Throws a ViolationError for a patch that makes what no snapshot can
   * show: clients would go on with an activity that nothing of ours can show them.
   */
  push(event: AguiEvent): void {
    switch (event.type) {
      case "ACTIVITY_SNAPSHOT":
      case "ACTIVITY_DELTA":
        this.#fold(event);
        break;
      case "MESSAGES_SNAPSHOT":
        this.#fold({ ...event, messages: event.messages.filter(isActivity) });
        break;
      default:
    }
  }

  #fold(event: AguiEvent): void {
    this.#reducer ??= createReducer({
      messages: this.#messages().filter(isActivity),
      onWarning: ({ rule, message }) => {
        if (rule === "patch_result_unshowable") this.#problem = message;
      },
    });
    this.#reducer.push(event);
    if (this.#problem !== undefined) throw new ViolationError("patch_result_unshowable", this.#problem);
  }
}

function isActivity({ role }: Message): boolean {
  return role === "activity";
}
