// The form of the key: who looks at the board, and at which call centre.

import { Api, Refused } from "./api.js";
import { VIEWER } from "./documents.js";
import { $, mark, write } from "./dom.js";
import { explain } from "./words.js";

const ENDPOINT = new URL("graphql", document.baseURI);

export const openApi = (credentials) => new Api(ENDPOINT, credentials);

// A request of ours that is not understood without a tenant lacks the tenant.
export const lacksTenant = (error) => error.code === "BAD_REQUEST" && !error.hadTenant;

export class SignIn {
  #problem = null;
  #words;

  #onOpen;

  // `onOpen(credentials)` takes over once the key is good, with the tenant that it shows.
  constructor(onOpen) {
    this.#onOpen = onOpen;
    $("credentials").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#try(this.#read());
    });
  }

  get asksTenant() {
    return !$("tenant-field").hidden;
  }

  show(credentials, { problem = null, asksTenant = false } = {}) {
    $("key").value = credentials.key;
    $("tenant-id").value = credentials.tenant;
    $("tenant-field").hidden = !asksTenant;
    $("credentials").hidden = false;
    this.#tell(problem);
    $(asksTenant && credentials.key ? "tenant-id" : "key").focus();
  }

  hide() {
    $("credentials").hidden = true;
    $("key").value = "";
    this.#tell(null);
  }

  speak(words) {
    this.#words = words;
    this.#tell(this.#problem);
  }

  async #try(credentials) {
    if (!credentials.key) {
      this.show(credentials, { problem: "keyMissing", asksTenant: this.asksTenant });
      return;
    }
    this.#work(true);
    try {
      const { viewer } = await openApi(credentials).ask(VIEWER);
      this.#onOpen({ key: credentials.key, tenant: viewer.tenant, isChosen: credentials.tenant !== "" });
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      this.refuse(credentials, error);
    } finally {
      this.#work(false);
    }
  }

  // Back to the form, with the reason in the reader's language.
  refuse(credentials, error) {
    const isTenant = error.code === "UNKNOWN_TENANT" || lacksTenant(error);
    const problem = lacksTenant(error) ? "tenantMissing" : error.code;
    const key = error.code === "UNAUTHENTICATED" ? "" : credentials.key;
    this.show({ ...credentials, key }, { problem, asksTenant: isTenant || this.asksTenant });
  }

  #read() {
    const key = $("key").value.trim().replace(/^Bearer\s+/i, "");
    return { key, tenant: this.asksTenant ? $("tenant-id").value.trim() : "" };
  }

  #work(isBusy) {
    mark($("open"), "aria-disabled", isBusy ? "true" : null);
    write($("open"), isBusy ? this.#words.opening : this.#words.open);
  }

  #tell(problem) {
    this.#problem = problem;
    const words = this.#words;
    write($("problem"), problem === null ? "" : (words[problem] ?? explain(words, problem)));
    const isTenant = problem === "tenantMissing" || problem === "UNKNOWN_TENANT";
    mark($("key"), "aria-invalid", problem !== null && !isTenant ? "true" : null);
    mark($("tenant-id"), "aria-invalid", isTenant ? "true" : null);
  }
}
