// The fastest peer: Mercurius with its JIT, rows in memory; no authentication, limits, logs or freshness.
// PORT, BENCHMARK_EVOLUX and BENCHMARK_TOKEN say where; rows are read once, before it listens.
import Fastify from 'fastify'
import mercurius from 'mercurius'

const { PORT, BENCHMARK_EVOLUX: evolux, BENCHMARK_TOKEN: token } = process.env

async function listing(name) {
  const rows = []
  for (let page = 1, total = 1; rows.length < total; page++) {
    const answer = await fetch(`${evolux}/api/v1/${name}?limit=50&page=${page}`, { headers: { token } })
    const { data, pagination } = await answer.json()
    rows.push(...data)
    total = pagination ? pagination.total : rows.length
  }
  return rows
}

// Values that a row has are made ready once; what follows from other values or listings is resolved.
const ready = row => ({
  id: String(row.id),
  name: row.name,
  login: row.login,
  enabled: row.enable,
  archived: row.archived,
  queueIds: row.queues,
  currentPause: row.current_pause && {
    startedAt: row.current_pause.time_start,
    since: Date.parse(row.current_pause.time_start),
    pause: { id: String(row.current_pause.reason.id), description: row.current_pause.reason.description }
  },
  lastLogin: row.last_login && {
    startedAt: row.last_login.time_login,
    endedAt: row.last_login.time_logoff,
    extension: row.last_login.exten
  }
})

const queues = new Map((await listing('queues')).map(row => [row.id, { id: String(row.id), name: row.name }]))
const queueOf = id => queues.get(id) ?? { id: String(id), name: null }
const everybody = (await listing('agents')).map(ready)
const agents = everybody.filter(agent => !agent.archived).sort((one, other) => one.id - other.id)
const agentById = new Map(everybody.map(agent => [agent.id, agent]))

function stateOf(agent) {
  if (agent.archived || !agent.enabled) return 'INACTIVE'
  if (agent.lastLogin === null || agent.lastLogin.endedAt !== null) return 'LOGGED_OUT'
  return agent.currentPause ? 'PAUSED' : 'LOGGED_IN'
}

function counts(some) {
  const now = Date.now()
  let loggedIn = 0, paused = 0, seconds = 0
  for (const agent of some) {
    const state = stateOf(agent)
    if (state === 'LOGGED_IN') loggedIn++
    if (state === 'PAUSED') {
      paused++
      seconds += (now - agent.currentPause.since) / 1000
    }
  }
  return { agents: some.length, loggedIn, paused, averagePauseSeconds: paused ? seconds / paused : null }
}

function reportByQueue() {
  const byQueue = new Map()
  for (const agent of agents) {
    for (const id of agent.queueIds) {
      const some = byQueue.get(id)
      if (some) some.push(agent)
      else byQueue.set(id, [agent])
    }
  }
  const sorted = [...byQueue].sort(([one], [other]) => one - other)
  const groups = sorted.map(([id, some]) => ({ queue: queueOf(id), counts: counts(some) }))
  const nowhere = agents.filter(agent => agent.queueIds.length === 0)
  if (nowhere.length) groups.push({ queue: null, counts: counts(nowhere) })
  return { total: counts(agents), groups }
}

const schema = `
  enum AgentState { INACTIVE LOGGED_OUT LOGGED_IN PAUSED }
  enum AgentStateDimension { QUEUE }
  type Queue { id: ID! name: String }
  type Pause { id: ID! description: String! }
  type AgentPause { startedAt: String! pause: Pause elapsedSeconds: Int! }
  type AgentLogin { startedAt: String! extension: String }
  type Agent {
    id: ID! name: String! login: String! state: AgentState!
    queues: [Queue!]! currentPause: AgentPause lastLogin: AgentLogin
  }
  type Freshness { ageSeconds: Float! stale: Boolean! }
  type AgentConnection { nodes: [Agent!]! totalCount: Int! freshness: Freshness! }
  type Counts { agents: Int! loggedIn: Int! paused: Int! averagePauseSeconds: Float }
  type Group { queue: Queue counts: Counts! }
  type Report { total: Counts! groups: [Group!]! }
  type Query {
    agents(first: Int = 50): AgentConnection!
    agent(id: ID!): Agent
    agentStates(groupBy: [AgentStateDimension!]!): Report!
  }
`

const resolvers = {
  Agent: { state: stateOf, queues: agent => agent.queueIds.map(queueOf) },
  AgentPause: { elapsedSeconds: taken => Math.trunc((Date.now() - taken.since) / 1000) },
  Query: {
    agents: (_, { first }) => ({
      nodes: agents.slice(0, first),
      totalCount: agents.length,
      freshness: { ageSeconds: 1, stale: false }
    }),
    agent: (_, { id }) => agentById.get(id) ?? null,
    agentStates: reportByQueue
  }
}

const app = Fastify()
app.register(mercurius, { schema, resolvers, jit: 1 })
await app.listen({ host: '127.0.0.1', port: Number(PORT) })
