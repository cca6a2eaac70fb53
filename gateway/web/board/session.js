// What is remembered: the key and the tenant for this tab alone, the language for this browser.

const KEY = "board:key";
const TENANT = "board:tenant";
const IS_CHOSEN = "board:tenant-is-chosen";
const LANGUAGE = "board:language";

// `isChosen`: the key may be used for more than one tenant, and a person said which.
export function readCredentials() {
  const [key, tenant, isChosen] = [KEY, TENANT, IS_CHOSEN].map((name) => sessionStorage.getItem(name) ?? "");
  return { key, tenant, isChosen: isChosen !== "" };
}

export function keepCredentials({ key, tenant, isChosen }) {
  sessionStorage.setItem(KEY, key);
  sessionStorage.setItem(TENANT, tenant);
  sessionStorage.setItem(IS_CHOSEN, isChosen ? "yes" : "");
}

export function forgetCredentials() {
  for (const name of [KEY, TENANT, IS_CHOSEN]) sessionStorage.removeItem(name);
}

// A browser may refuse storage that lasts; the language is then chosen anew.
export function readLanguage() {
  try {
    return localStorage.getItem(LANGUAGE);
  } catch {
    return null;
  }
}

export function keepLanguage(language) {
  try {
    localStorage.setItem(LANGUAGE, language);
  } catch {
    // as above
  }
}
