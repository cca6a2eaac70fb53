// The gateway's API as a browser uses it: one POST with the key in a header, errors by their code.

import { readEvents } from "./events.js";

export const UNREACHABLE = "UNREACHABLE";
export const UNINTELLIGIBLE = "UNINTELLIGIBLE";

// What was not answered: `code` is one of the API's catalogue, or one of the two above.
export class Refused extends Error {
  constructor({ code, retryAfterMs = null, hadTenant = true }) {
    super(code);
    this.code = code;
    this.retryAfterMs = retryAfterMs;
    this.hadTenant = hadTenant;
  }
}

export class Api {
  #endpoint;
  #credentials;

  constructor(endpoint, credentials) {
    this.#endpoint = endpoint;
    this.#credentials = credentials;
  }

  // The data of a query. What is null beside an error is left to the caller, as long as there is data.
  async ask(query, { variables = {}, signal } = {}) {
    const accept = "application/graphql-response+json, application/json;q=0.9";
    const response = await this.#send({ query, variables }, { Accept: accept }, signal);
    return this.#read(await readJson(response));
  }

  // Yields { id, data, error } for every event of a subscription (data or a `Refused`), { retryMs } where the
  // gateway says how soon to come again, and null for a sign of life. Returns at an end that was announced.
  async *subscribe(query, { lastEventId = null, signal }) {
    const headers = { Accept: "text/event-stream" };
    if (lastEventId !== null) headers["Last-Event-ID"] = lastEventId;
    const response = await this.#send({ query }, headers, signal);
    if (!response.headers.get("Content-Type")?.startsWith("text/event-stream")) {
      this.#read(await readJson(response));
      throw new Refused({ code: UNINTELLIGIBLE });
    }
    try {
      for await (const event of readEvents(response.body)) {
        if (event?.event === "complete") return;
        if (event?.event === "next") yield this.#readEvent(event);
        else yield event?.event === "retry" ? event : null;
      }
    } catch (error) {
      throw error instanceof Refused ? error : new Refused({ code: UNREACHABLE });
    }
  }

  #readEvent({ id, data }) {
    try {
      return { id, data: this.#read(JSON.parse(data)), error: null };
    } catch (error) {
      return { id, data: null, error: error instanceof Refused ? error : new Refused({ code: UNINTELLIGIBLE }) };
    }
  }

  async #send(body, headers, signal) {
    const { key, tenant } = this.#credentials;
    const sent = { "Content-Type": "application/json", Authorization: `Bearer ${key}`, ...headers };
    if (tenant) sent["X-Tenant"] = tenant;
    const asked = { method: "POST", headers: sent, body: JSON.stringify(body), signal, cache: "no-store" };
    try {
      return await fetch(this.#endpoint, asked);
    } catch {
      throw new Refused({ code: UNREACHABLE });
    }
  }

  #read({ data = null, errors = [] }) {
    if (data !== null) return data;
    const { code = UNINTELLIGIBLE, retryAfterMs = null } = errors[0]?.extensions ?? {};
    throw new Refused({ code, retryAfterMs, hadTenant: Boolean(this.#credentials.tenant) });
  }
}

async function readJson(response) {
  try {
    return await response.json();
  } catch {
    throw new Refused({ code: response.status >= 500 ? UNREACHABLE : UNINTELLIGIBLE });
  }
}
