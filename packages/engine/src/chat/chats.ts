import type { Json, Message, ResumeEntry } from "@dragoman/agui";
import type { LogKey } from "@dragoman/event-log";
import { type Attachment, type AttachOptions, attachToSession } from "../attachment.ts";
import { appendChange } from "../change.ts";
import { type EngineCore, newSession } from "../core.ts";
import type { SessionInfo } from "../entries.ts";
import { newId } from "../new-id.ts";
import { agentNotFound } from "../run-refusals.ts";
import type { Session } from "../session.ts";
import { withPort } from "../with-port.ts";
import { type ChatStatus, chatStatusOf } from "./chat-status.ts";
import { ChatWatch, ChatWatches } from "./chat-watch.ts";
import { resetSession } from "./reset.ts";
import { type ChatOutcome, findSaid } from "./said-messages.ts";
import { type ChatAgent, type ChatMessage, sayMessage } from "./say-message.ts";
import { isPlainText, type OnlyRun, steer } from "./steer.ts";

/** How a chat is opened. */
export interface OpenChatOptions {
  /** The agent that is to answer; empty for the one of the last run, else the default one. */
  readonly agentId: string;
  /** The shared state, if the chat is made. */
  readonly initialState?: Json;
  /** What to read first; without a mode and a place only what comes from now on. */
  readonly attach: AttachOptions;
}

/** A chat that is open. Close both when done. */
export interface OpenChat {
  readonly attachment: Attachment;
  readonly watch: ChatWatch;
  /** Whether it was made by this call. */
  readonly created: boolean;
  readonly headSequence: number;
}

/** Talks with agents: sessions that take input at any time, also while a run is active. */
export class Chats {
  readonly #core: EngineCore;
  readonly #watches: ChatWatches;

  constructor(core: EngineCore) {
    this.#core = core;
    this.#watches = new ChatWatches(core.hub);
  }

  /** Opens a chat; makes it if there is none. Rejects with AGENT_NOT_FOUND, or where it takes no more input. */
  async open(key: LogKey, { agentId, initialState, attach }: OpenChatOptions): Promise<OpenChat> {
    this.#core.assertNotClosing();
    if (agentId !== "") this.#agent(agentId);
    const info = () => newSession(key, agentId, this.#core.created());
    return this.#core.sessions.useOrCreate(key, info, async (session) => {
      const created =
        session.isNew && (await session.mutex.run(() => this.#make(session, info, initialState)));
      session.assertOpen();
      const { headSequence } = session;
      const isFromNow = attach.after === undefined && (attach.mode ?? "default") === "default";
      const place = isFromNow ? { ...attach, after: headSequence } : attach;
      const attachment = attachToSession(session, place, true);
      return { attachment, watch: new ChatWatch(session, this.#watches), created, headSequence };
    });
  }

  /** Says something; makes the chat if there is none. */
  async say(key: LogKey, said: ChatMessage): Promise<ChatOutcome> {
    if (said.agentId !== "") this.#agent(said.agentId);
    const info = () => newSession(key, said.agentId, this.#core.created());
    return this.#core.whileOpen(() =>
      this.#core.sessions.useOrCreate(key, info, (session) =>
        session.mutex.run(() => {
          this.#core.sessions.renew(session, info);
          const agent = this.#agent(said.agentId || session.info.agentId);
          return sayMessage(this.#core, session, said, agent);
        }),
      ),
    );
  }

  /**
   * Says something to the agent of one run, and to nobody else: what it does not take is not answered. A message that
   * is more than text, or comes when the agent does not listen, is dropped.
   */
  async tell(key: LogKey, input: Message | ResumeEntry, only: OnlyRun): Promise<void> {
    await this.#core.whileOpen(() =>
      this.#core.sessions.use(key, (session) =>
        session.mutex.run(async () => {
          const { active } = session;
          if ("interruptId" in input) {
            if (active?.info.runId !== only.runId) return;
            active.port?.inputs.push({ type: "interrupt_answer", answer: input }, only.onTaken);
          } else if (isPlainText(input) && !(await findSaid(session, input, this.#core.store.catalog))) {
            await steer(this.#core, session, input, only);
          }
        }),
      ),
    );
  }

  /**
   * Holds the active run back, or lets it go on. Without one nothing happens, nor where it is not the one that is
   * meant.
   */
  setPaused(key: LogKey, isPaused: boolean, meantRunId = ""): Promise<ChatOutcome> {
    return this.#core.sessions.use(key, (session) => {
      session.assertOpen();
      return withPort(session, (port) => {
        const runId = session.active?.info.runId ?? "";
        if (meantRunId !== "" && meantRunId !== runId) return done(session, "");
        if (port && port.isPaused !== isPaused) port.setPaused(isPaused);
        return done(session, runId);
      });
    });
  }

  /**
   * Ends the active run as cancelled; the intent is durable when this resolves. Those that wait begin. Where it is
   * not the run that is meant, nothing happens.
   */
  cancel(key: LogKey, meantRunId = ""): Promise<ChatOutcome> {
    return this.#core.sessions.use(key, async (session) => {
      session.assertOpen();
      // Between two runs the next one is what a client sees as active.
      const run = session.active ?? session.queue[0];
      if (meantRunId !== "" && meantRunId !== run?.info.runId) return done(session, "");
      if (run) await this.#core.runs.cancel(session, run, "asked by a client");
      return done(session, run?.info.runId ?? "");
    });
  }

  /** Cancels what runs and what waits, and empties the history, the state and the inbox. */
  reset(key: LogKey): Promise<ChatOutcome> {
    return this.#core.whileOpen(() =>
      this.#core.sessions.use(key, async (session) => {
        session.assertOpen();
        await resetSession(this.#core, session);
        return done(session, "");
      }),
    );
  }

  /** Says where a chat stands. */
  status(key: LogKey): Promise<ChatStatus & { readonly logId: string }> {
    return this.#core.sessions.use(key, (session) => {
      return { ...chatStatusOf(session), logId: session.logId };
    });
  }

  #agent(agentId: string): ChatAgent {
    const found = this.#core.agents.find(agentId);
    if (!found) throw agentNotFound(agentId);
    return found;
  }

  /** Makes a session durable that is not yet; returns whether it was new. */
  async #make(session: Session, info: () => SessionInfo, initialState: Json | undefined): Promise<boolean> {
    if (!session.isNew) return false;
    this.#core.sessions.renew(session, info);
    if (initialState === undefined) await session.saveInfo();
    else {
      const events = [{ type: "STATE_SNAPSHOT" as const, snapshot: initialState }];
      const change = { runId: newId(), origin: "state", events } as const;
      await session.writing(() => appendChange(session, change, this.#core.created()));
    }
    return true;
  }
}

function done(session: Session, runId: string): ChatOutcome {
  return { disposition: "done", runId, afterSequence: session.headSequence };
}
