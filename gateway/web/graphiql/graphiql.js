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
      "Accept": "application/graphql-response+json, application/json;q=0.9",
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

  function createFetcher(credentials) {
    return async (operation, { headers } = {}) =>
      readAnswer(
        await fetch(endpoint, {
          method: "POST",
          headers: buildHeaders(credentials, headers),
          body: JSON.stringify(operation),
          cache: "no-store",
        }),
      );
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
