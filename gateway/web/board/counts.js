// Counting: all numbers of the page are made here, from the agents that are held, so that they add up.
// `now` is the gateway's clock in milliseconds.

const NO_QUEUE = null;
const COUNTERS = { INACTIVE: "inactive", LOGGED_OUT: "loggedOut", LOGGED_IN: "loggedIn", PAUSED: "paused" };

const nobody = () => ({
  agents: 0,
  inactive: 0,
  loggedOut: 0,
  loggedIn: 0,
  paused: 0,
  pausedProductive: 0,
  overLimit: 0,
  longestPauseSeconds: null,
  longestOverSeconds: null,
});

export function pausedSeconds(agent, now) {
  return Math.max(0, Math.floor((now - agent.pausedAt) / 1000));
}

// As the API counts: over its limit is a pause that lasts a whole second longer.
export function isOverLimit(agent, now) {
  return agent.isPausing && agent.limitSeconds !== null && pausedSeconds(agent, now) > agent.limitSeconds;
}

function count(counts, agent, now) {
  counts.agents += 1;
  counts[COUNTERS[agent.state]] += 1;
  if (!agent.isPausing) return;
  const seconds = pausedSeconds(agent, now);
  if (agent.currentPause.pause?.productive) counts.pausedProductive += 1;
  counts.longestPauseSeconds = Math.max(counts.longestPauseSeconds ?? 0, seconds);
  if (!isOverLimit(agent, now)) return;
  counts.overLimit += 1;
  counts.longestOverSeconds = Math.max(counts.longestOverSeconds ?? 0, seconds);
}

export function countAll(agents, now) {
  const counts = nobody();
  for (const agent of agents) count(counts, agent, now);
  return counts;
}

// An agent counts in the row of each of their queues, or in the row without a queue (its id is null).
export function countByQueue(agents, now) {
  const rows = new Map();
  for (const agent of agents) {
    for (const queue of agent.queues.length > 0 ? agent.queues : [NO_QUEUE]) {
      const id = queue?.id ?? null;
      if (!rows.has(id)) rows.set(id, { id, name: queue?.name ?? null, counts: nobody() });
      count(rows.get(id).counts, agent, now);
    }
  }
  return [...rows.values()];
}

// Negative for who is over it; null where there is no pause or no limit.
export function secondsLeft(agent, now) {
  return agent.isPausing && agent.limitSeconds !== null ? agent.limitSeconds - pausedSeconds(agent, now) : null;
}

// The agents over their limit, longest pause first.
export function findOverLimit(agents, now) {
  return agents.filter((agent) => isOverLimit(agent, now)).sort((one, other) => one.pausedAt - other.pausedAt);
}

// The agents in a pause that has a limit and is within it, least time left first.
export function findNext(agents, now) {
  return agents
    .filter((agent) => agent.isPausing && agent.limitSeconds !== null && !isOverLimit(agent, now))
    .sort((one, other) => secondsLeft(one, now) - secondsLeft(other, now) || one.pausedAt - other.pausedAt);
}
