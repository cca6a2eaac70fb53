// What the page holds: the agents of one moment, and how old that moment is.

import { startStopwatch } from "./clock.js";

// As the API's own search: without case and accents, "conceicao" finds "Conceição".
export function fold(text) {
  return text.normalize("NFKD").replace(/\p{Mn}/gu, "").toUpperCase().toLowerCase().replaceAll("ς", "σ");
}

export class Holding {
  #agents = new Map();
  #sorted = null;
  #freshness = null;
  #sinceTaken = null;

  get isEmpty() {
    return this.#freshness === null;
  }

  get freshness() {
    return this.#freshness;
  }

  get size() {
    return this.#agents.size;
  }

  // All agents by name, for a reader's eye.
  agents(language) {
    if (this.#sorted?.language !== language) {
      const { compare } = new Intl.Collator(language, { numeric: true });
      const rows = [...this.#agents.values()].sort((one, other) => compare(one.name, other.name) || one.id - other.id);
      this.#sorted = { language, rows };
    }
    return this.#sorted.rows;
  }

  // `initial` replaces everything; else agents are merged by id, and those in `left` are dropped.
  take({ initial, agents, left, freshness }) {
    if (initial) this.#agents.clear();
    for (const agent of agents) this.#agents.set(agent.id, readAgent(agent));
    for (const id of left) this.#agents.delete(id);
    if (initial || agents.length > 0 || left.length > 0) this.#sorted = null;
    this.#freshness = freshness;
    this.#sinceTaken = startStopwatch();
  }

  // Seconds since Evolux was asked for what is held; it goes on while nothing arrives.
  ageSeconds() {
    return this.#freshness.ageSeconds + this.#sinceTaken();
  }

  // The gateway's clock, in milliseconds: the browser's own may be wrong.
  now() {
    return Date.parse(this.#freshness.fetchedAt) + this.ageSeconds() * 1000;
  }
}

function readAgent(agent) {
  const pause = agent.currentPause;
  return {
    ...agent,
    folded: fold(`${agent.name}\n${agent.login}`),
    sinceAt: agent.stateSince === null ? null : Date.parse(agent.stateSince),
    isPausing: agent.state === "PAUSED" && pause !== null,
    pausedAt: pause === null ? null : Date.parse(pause.startedAt),
    limitSeconds: pause?.maxDurationSeconds ?? null,
  };
}

// Every word occurs in name or login; of the states those that are wanted, or all.
export function search(agents, { text, state }) {
  const words = fold(text).split(/\s+/).filter(Boolean);
  return agents.filter(
    (agent) => (!state || agent.state === state) && words.every((word) => agent.folded.includes(word)),
  );
}
