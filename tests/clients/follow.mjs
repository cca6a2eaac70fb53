// Subscribers who use graphql-sse and graphql-ws: a line for each event; they come again by themselves with
// the id of the last event, and get what changed meanwhile.
import { createClient as createEventClient } from "graphql-sse";
import { createClient as createSocketClient } from "graphql-ws";
import WebSocket from "ws";

const { URL: url, KEY: key, CLIENT: kind, EVENTS: wanted } = process.env;
const authorization = `Bearer ${key}`;
const payload = { query: "subscription { agentChanged { initial agents { id name } left totalCount } }" };
const patience = { retryAttempts: 100, retryWait: () => new Promise((resolve) => setTimeout(resolve, 50)) };
let lastEventId;

const clients = {
  sse: () =>
    createEventClient({
      url,
      retryAttempts: patience.retryAttempts,
      retry: patience.retryWait,
      headers: () => ({ authorization, ...(lastEventId && { "last-event-id": lastEventId }) }),
    }),
  ws: () =>
    createSocketClient({
      url: url.replace("http", "ws"),
      webSocketImpl: WebSocket,
      lazy: true,
      shouldRetry: () => true,
      retryAttempts: patience.retryAttempts,
      retryWait: patience.retryWait,
      connectionParams: () => ({ Authorization: authorization }),
    }),
};

const client = clients[kind]();
let seen = 0;
const end = client.subscribe(payload, {
  next(result) {
    lastEventId = result.extensions.eventId;
    payload.extensions = { lastEventId }; // graphql-ws sends the payload as it is by then
    console.log(JSON.stringify(result.data.agentChanged));
    seen += 1;
    if (seen === Number(wanted)) setImmediate(() => (end(), client.dispose()));
  },
  error(error) {
    console.error(error);
    process.exit(1);
  },
  complete() {},
});
