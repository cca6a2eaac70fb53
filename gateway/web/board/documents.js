// What the page asks: nothing that any other caller could not ask as well.

const FRESHNESS = "freshness { fetchedAt ageSeconds stale complete }";

const AGENT = `
  id name login state stateSince
  currentPause { startedAt maxDurationSeconds pause { description productive } }
  queues { id name }
`;

export const VIEWER = "query Viewer { viewer { name tenant scopes } }";

export const PAGE = `query Agents($after: String) {
  agents(first: 500, after: $after) {
    nodes { ${AGENT} }
    pageInfo { hasNextPage endCursor }
    totalCount
    ${FRESHNESS}
  }
}`;

export const STREAM = `subscription Board {
  agentChanged { initial agents { ${AGENT} } left totalCount ${FRESHNESS} }
}`;
