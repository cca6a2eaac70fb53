// The feed: what changes, as the gateway streams it, or asked for again and again where streams do not pass.

import { Refused, UNINTELLIGIBLE } from "./api.js";
import { PAGE, STREAM } from "./documents.js";

const FIRST_SIGN_MS = 6_000; // a stream says something at once; a proxy that holds it back shows nothing
const FIRST_RETRY_MS = 1_000;
const QUIET_MS = 45_000; // longer without a sign of life: the connection is dead and nobody said so
const POLL_MS = 5_000;
const STREAM_AGAIN_MS = 60_000;
const SOON_MS = 500;
const LONGEST_WAIT_MS = 30_000;
const EARLY_ENDS = 2;
const READINGS = 3;

// Trying again does not help: a person must act.
const FINAL = new Set(["UNAUTHENTICATED", "FORBIDDEN", "UNKNOWN_TENANT", "PERSISTED_QUERY_REQUIRED"]);
const STREAM_REFUSED = new Set([
  "BAD_REQUEST",
  "GRAPHQL_PARSE_FAILED",
  "GRAPHQL_VALIDATION_FAILED",
  "OPERATION_TOO_LARGE",
  UNINTELLIGIBLE,
]);

// `take(changes)` gets what changed, `tell(connection)` how it comes: { mode, code, until }, with mode
// "live", "polling" or "down", and until when a lost connection is waited for.
export class Feed {
  #api;
  #take;
  #tell;
  #signal;
  #lastEventId = null;
  #earlyEnds = 0;
  #failures = 0;

  constructor(api, { take, tell, signal }) {
    this.#api = api;
    this.#take = take;
    this.#tell = tell;
    this.#signal = signal;
  }

  // Runs until the signal is aborted; throws `Refused` where a person must act.
  async run() {
    while (!this.#signal.aborted) {
      const isStreaming = this.#earlyEnds < EARLY_ENDS;
      try {
        await (isStreaming ? this.#stream() : this.#pollForAWhile());
      } catch (error) {
        if (this.#signal.aborted) return;
        if (!(error instanceof Refused) || FINAL.has(error.code)) throw error;
        await (isStreaming ? this.#tryAnotherStream(error) : this.#waitFor(error));
      }
    }
  }

  // A stream that ended badly says nothing of the gateway: one more is tried, and then the query tells.
  async #tryAnotherStream(error) {
    this.#earlyEnds = STREAM_REFUSED.has(error.code) ? EARLY_ENDS : this.#earlyEnds + 1;
    if (this.#earlyEnds < EARLY_ENDS) await pause(Math.random() * SOON_MS, this.#signal);
  }

  async #waitFor(error) {
    this.#failures += 1;
    const wait = waitAfter(this.#failures, error.retryAfterMs);
    this.#tell({ mode: "down", code: error.code, until: Date.now() + wait });
    await pause(wait, this.#signal);
  }

  // One stream to its end. An end that was announced, and one that fell silent, are no faults: the next
  // begins where it ended. What Evolux fails with comes as an event, and the stream goes on.
  async #stream() {
    const watch = watchFor(FIRST_SIGN_MS, this.#signal);
    let retryMs = FIRST_RETRY_MS;
    let failure = null;
    try {
      const asked = { lastEventId: this.#lastEventId, signal: watch.signal };
      for await (const event of this.#api.subscribe(STREAM, asked)) {
        watch.expectWithin(QUIET_MS);
        retryMs = event?.retryMs ?? retryMs;
        failure = this.#takeEvent(event, failure);
      }
      if (failure !== null) throw failure;
    } catch (error) {
      if (!watch.isOverdue) throw error;
      if (!watch.sawAnything) this.#earlyEnds = EARLY_ENDS; // something on the way holds streams back
    } finally {
      watch.end();
    }
    await pause(retryMs * Math.random(), this.#signal);
  }

  // Gives what the stream fails with by now, or null.
  #takeEvent(event, failure) {
    if (event === null || event.retryMs !== undefined) return failure;
    if (event.error !== null) {
      if (FINAL.has(event.error.code)) throw event.error;
      this.#tell({ mode: "down", code: event.error.code, until: null });
      return event.error;
    }
    this.#lastEventId = event.id ?? this.#lastEventId;
    this.#earlyEnds = 0;
    this.#arrive("live", event.data.agentChanged);
    return null;
  }

  // Asks anew every few seconds; the stream is tried again after a minute, or after an outage at once.
  async #pollForAWhile() {
    const end = Date.now() + STREAM_AGAIN_MS;
    const wasDown = this.#failures > 0;
    this.#lastEventId = null;
    do {
      this.#arrive("polling", await this.#readEverybody());
      if (wasDown) break;
      await pause(POLL_MS, this.#signal);
    } while (Date.now() < end && !this.#signal.aborted);
    this.#earlyEnds = EARLY_ENDS - 1;
  }

  #arrive(mode, changes) {
    if (this.#signal.aborted) return;
    this.#failures = 0;
    this.#take(changes);
    this.#tell({ mode, code: null, until: null });
  }

  // All pages of one listing: where another listing comes between two pages, from the first page again.
  async #readEverybody() {
    for (let reading = 1; ; reading += 1) {
      const { agents, pages } = await this.#readPages();
      const last = pages.at(-1);
      const isOne = pages.every((page) => page.freshness.fetchedAt === last.freshness.fetchedAt);
      if ((isOne && agents.size === last.totalCount) || reading === READINGS) {
        const freshness = { ...last.freshness, complete: last.freshness.complete && isOne };
        return { initial: true, agents: [...agents.values()], left: [], freshness };
      }
    }
  }

  async #readPages() {
    const agents = new Map();
    const pages = [];
    for (let after = null; ; after = pages.at(-1).pageInfo.endCursor) {
      const data = await this.#api.ask(PAGE, { variables: { after }, signal: this.#signal });
      pages.push(data.agents);
      for (const agent of data.agents.nodes) agents.set(agent.id, agent);
      if (!data.agents.pageInfo.hasNextPage) return { agents, pages };
    }
  }
}

// 1, 2, 4 … 30 seconds, each drawn between its half and its whole, so that boards do not come back as one.
function waitAfter(failures, retryAfterMs) {
  const longest = Math.min(1000 * 2 ** (failures - 1), LONGEST_WAIT_MS);
  return Math.max(longest * (0.5 + Math.random() / 2), retryAfterMs ?? 0);
}

// Ends early where the network comes back, or with the signal.
function pause(milliseconds, signal) {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      window.removeEventListener("online", done);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    window.addEventListener("online", done);
    signal.addEventListener("abort", done);
  });
}

// A signal that is aborted with the given one, or where nothing comes within the time that is expected.
function watchFor(milliseconds, signal) {
  const controller = new AbortController();
  const abort = () => controller.abort();
  const watch = { signal: controller.signal, isOverdue: false, sawAnything: false, expectWithin, end };
  let timer = setTimeout(miss, milliseconds);
  signal.addEventListener("abort", abort);
  return watch;

  function miss() {
    watch.isOverdue = true;
    abort();
  }

  function expectWithin(next) {
    watch.sawAnything = true;
    clearTimeout(timer);
    timer = setTimeout(miss, next);
  }

  function end() {
    clearTimeout(timer);
    signal.removeEventListener("abort", abort);
    abort();
  }
}
