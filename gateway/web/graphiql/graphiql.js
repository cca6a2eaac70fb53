"use strict";

// Starts GraphiQL against the endpoint that served the page. React, ReactDOM and GraphiQL are globals of
// the vendored builds.
(() => {
  const DEFAULT_QUERY = `# Paste an API key above, then press the play button (Ctrl-Enter).
{
  agents(first: 3) {
    nodes {
      id
      name
      state
    }
    totalCount
  }
}
`;

  // The tab's own storage, for GraphiQL too: its history keeps the headers of every operation, whatever
  // shouldPersistHeaders says, and would otherwise write them to localStorage.
  const storage = window.sessionStorage;
  const container = document.getElementById("graphiql");
  const endpoint = container.dataset.endpoint;
  // The name under which GraphiQL's dialogs look for the nonce of the <style> element they write.
  window.__webpack_nonce__ = container.dataset.styleNonce;
  const form = document.getElementById("credentials");
  const apiKeyInput = document.getElementById("api-key");
  const tenantInput = document.getElementById("tenant");
  const state = document.getElementById("credentials-state");
  const root = ReactDOM.createRoot(container);

  function readCredentials() {
    return { apiKey: storage.getItem("gateway:api-key") ?? "", tenant: storage.getItem("gateway:tenant") ?? "" };
  }

  function keepCredentials({ apiKey, tenant }) {
    storage.setItem("gateway:api-key", apiKey);
    storage.setItem("gateway:tenant", tenant);
  }

  // What the Headers editor says stands above the form.
  function buildHeaders({ apiKey, tenant }, editorHeaders) {
    const headers = new Headers({
      // What is no subscription is answered by the first; a subscription by the last alone.
      "Accept": "application/graphql-response+json, application/json;q=0.9, text/event-stream;q=0.8",
      "Content-Type": "application/json",
    });
    if (apiKey) headers.set("Authorization", `Bearer ${apiKey}`);
    if (tenant) headers.set("X-Tenant", tenant);
    for (const [name, value] of Object.entries(editorHeaders ?? {})) headers.set(name, value);
    return headers;
  }

  async function readAnswer(response) {
    const text = await response.text();
    try {
      return JSON.parse(text);
    } catch {
      throw new Error(`HTTP ${response.status}: the answer is not JSON`);
    }
  }

  // The answers of a subscription as they come. GraphiQL leaves by `return`, and would wait for the next answer if
  // the request were not broken off.
  function follow(response, leaving) {
    const answers = readEach(response, leaving.signal);
    return {
      [Symbol.asyncIterator]() {
        return this;
      },
      next: () => answers.next(),
      return() {
        leaving.abort();
        return answers.return();
      },
    };
  }

  async function* readEach(response, signal) {
    try {
      const { readEvents } = await import("./events.js");
      for await (const event of readEvents(response.body)) {
        if (event?.event === "complete") return;
        if (event?.event === "next") yield JSON.parse(event.data);
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  function isStream(response) {
    return response.headers.get("Content-Type")?.startsWith("text/event-stream");
  }

  function createFetcher(credentials) {
    return async (operation, { headers } = {}) => {
      const leaving = new AbortController();
      const response = await fetch(endpoint, {
        method: "POST",
        headers: buildHeaders(credentials, headers),
        body: JSON.stringify(operation),
        cache: "no-store",
        signal: leaving.signal,
      });
      return isStream(response) ? follow(response, leaving) : readAnswer(response);
    };
  }

  // A new fetcher makes GraphiQL read the schema again; without a key there is nothing it may read.
  function render() {
    const credentials = readCredentials();
    apiKeyInput.value = credentials.apiKey;
    tenantInput.value = credentials.tenant;
    state.textContent = credentials.apiKey ? "Sent with every operation of this tab." : "No key yet.";
    root.render(
      React.createElement(GraphiQL, {
        fetcher: createFetcher(credentials),
        schema: credentials.apiKey ? undefined : null,
        defaultQuery: DEFAULT_QUERY,
        shouldPersistHeaders: false,
        storage,
      }),
    );
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const apiKey = apiKeyInput.value.trim().replace(/^Bearer\s+/i, "");
    keepCredentials({ apiKey, tenant: tenantInput.value.trim() });
    render();
  });

  form.addEventListener("reset", (event) => {
    event.preventDefault();
    keepCredentials({ apiKey: "", tenant: "" });
    render();
  });

  render();
})();
