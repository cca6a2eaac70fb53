// How the page stands to the truth: connected or not, how old, how whole. Said where it is seen, and heard once.

import { writeSpan } from "./clock.js";
import { $, make, mark, write } from "./dom.js";
import { explain } from "./words.js";

const OLD_SECONDS = 60;
const QUIET_MS = 10_000;
const NAMED_AT_ONCE = 2;

// What is wrong, most pressing first; [] where all is well.
function findNotices(connection, holding, words) {
  const notices = [];
  if (connection.mode === "down") {
    const wait = connection.until === null ? 0 : Math.ceil((connection.until - Date.now()) / 1000);
    const next = wait > 0 ? words.tryingIn(wait) : words.tryingNow;
    const said = words.downNotice(explain(words, connection.code));
    notices.push({ kind: "down", said, shown: `${said} ${next}` });
  }
  if (holding.isEmpty) return notices;
  const age = holding.ageSeconds();
  if (holding.freshness.stale || age > OLD_SECONDS) {
    const said = words.staleNotice(writeAge(age, words));
    notices.push({ kind: "stale", said, shown: said });
  }
  if (!holding.freshness.complete) {
    notices.push({ kind: "incomplete", said: words.incompleteNotice, shown: words.incompleteNotice });
  }
  return notices;
}

export function writeAge(seconds, words) {
  return seconds < 60 ? words.seconds(Math.floor(seconds)) : writeSpan(seconds);
}

export class Status {
  #kinds = new Set();
  #announcer;

  constructor(announcer) {
    this.#announcer = announcer;
  }

  draw(connection, holding, words) {
    const notices = findNotices(connection, holding, words);
    mark(document.body, "data-connection", connection.mode);
    mark(document.body, "data-doubt", notices.length > 0 ? notices[0].kind : null);
    write($("connection-word"), words[connection.mode]);
    write($("age"), holding.isEmpty ? words.waiting : words.age(writeAge(holding.ageSeconds(), words)));
    this.#drawNotices(notices);
    this.#announce(notices, connection, words);
  }

  #drawNotices(notices) {
    const place = $("notices");
    while (place.childElementCount > notices.length) place.lastElementChild.remove();
    while (place.childElementCount < notices.length) place.append(make("p"));
    for (const [index, { kind, shown }] of notices.entries()) {
      mark(place.children[index], "class", `notice ${kind}`);
      write(place.children[index], shown);
    }
  }

  #announce(notices, connection, words) {
    const kinds = new Set(notices.map(({ kind }) => kind));
    const fresh = notices.filter(({ kind }) => !this.#kinds.has(kind));
    for (const { said } of fresh) this.#announcer.say(said);
    if (this.#kinds.has("down") && connection.mode !== "down") this.#announcer.say(words.liveAgain);
    this.#kinds = kinds;
  }
}

// Says what matters to who cannot see the page: one sentence after another, never on every tick.
export class Announcer {
  #element = $("announcer");
  #heardAt = 0;

  say(text) {
    write(this.#element, text);
  }

  // Who went over their limit since last time; not more often than every ten seconds.
  sayOver(names, words) {
    if (names.length === 0 || Date.now() - this.#heardAt < QUIET_MS) return false;
    this.#heardAt = Date.now();
    const named = names.slice(0, NAMED_AT_ONCE).map(([name, pause]) => words.wentOver(name, pause));
    const rest = names.length - named.length;
    this.say([...named, ...(rest > 0 ? [words.manyWentOver(rest)] : [])].join(" "));
    return true;
  }
}
