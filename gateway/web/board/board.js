// The board: a key becomes a feed, the feed fills what is held, and what is held is drawn every second.

import { Refused } from "./api.js";
import { findOverLimit } from "./counts.js";
import { $, make, mark, write } from "./dom.js";
import { Feed } from "./feed.js";
import { Holding } from "./holding.js";
import { drawNumbers, pauseOf } from "./numbers.js";
import { People } from "./people.js";
import { forgetCredentials, keepCredentials, keepLanguage, readCredentials, readLanguage } from "./session.js";
import { SignIn, openApi } from "./sign_in.js";
import { Announcer, Status } from "./status.js";
import { WORDS, chooseLanguage } from "./words.js";

const CONNECTING = { mode: "connecting", code: null, until: null };
const TYPING_MS = 700;

let language = chooseLanguage(readLanguage());
let words = WORDS[language];
let holding = new Holding();
let connection = CONNECTING;
let tenant = null; // whose board it is; null while the form is shown
let running = null; // the AbortController of the feed
let stoppedAt = null; // the instant that is shown while nothing is known of what comes after it
let knownOver = null; // ids of those who were over their limit when last told of

const announcer = new Announcer();
const status = new Status(announcer);
const signIn = new SignIn(follow);
let typing = 0;
const people = new People(() => {
  const told = drawPeople();
  clearTimeout(typing);
  typing = setTimeout(() => announcer.say(told), TYPING_MS);
});

async function follow(credentials) {
  keepCredentials(credentials);
  tenant = credentials.tenant;
  holding = new Holding();
  connection = CONNECTING;
  knownOver = null;
  stoppedAt = null;
  running = new AbortController();
  showBoard(true);
  draw();
  const { signal } = running;
  try {
    await new Feed(openApi(credentials), { take, tell, signal }).run();
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    leave();
    signIn.refuse(credentials, error);
  }
}

function take(changes) {
  holding.take(changes);
}

function tell(next) {
  connection = next;
  const isStopped = next.mode === "down" && !holding.isEmpty;
  stoppedAt = isStopped ? (stoppedAt ?? holding.now()) : null;
  draw();
}

const instant = () => stoppedAt ?? holding.now();

function leave() {
  running?.abort();
  running = null;
  tenant = null;
  holding = new Holding();
  forgetCredentials();
  showBoard(false);
}

function showBoard(isShown) {
  if (isShown) signIn.hide();
  $("board").hidden = !isShown;
  for (const id of ["standing", "sign-out"]) $(id).hidden = !isShown;
  $("change-tenant").hidden = !isShown || !readCredentials().isChosen;
  write($("tenant"), tenant ?? "");
  mark(document.body, "data-doubt", null);
  document.title = words.title;
  if (isShown) $("title").focus();
}

function draw() {
  if (tenant === null) return;
  status.draw(connection, holding, words);
  mark($("board"), "data-empty", holding.isEmpty ? "" : null);
  if (holding.isEmpty) return;
  const now = instant();
  const counts = drawNumbers(holding.agents(language), { now, words, language });
  drawPeople();
  tellWhoWentOver(now);
  document.title = `${counts.overLimit > 0 ? `(${counts.overLimit}) ` : ""}${tenant} · ${words.title}`;
}

function drawPeople() {
  return people.draw(holding.agents(language), { now: instant(), words, language });
}

function tellWhoWentOver(now) {
  const over = findOverLimit(holding.agents(language), now);
  const names = over.filter(({ id }) => knownOver !== null && !knownOver.has(id));
  const told = names.map((agent) => [agent.name, pauseOf(agent, words)]);
  if (knownOver === null || names.length === 0 || announcer.sayOver(told, words)) {
    knownOver = new Set(over.map(({ id }) => id));
  }
}

function speak(chosen) {
  language = chosen;
  words = WORDS[chosen];
  document.documentElement.lang = chosen;
  for (const element of document.querySelectorAll("[data-word]")) write(element, words[element.dataset.word]);
  $("search-text").placeholder = words.searchPlaceholder;
  mark($("languages"), "aria-label", words.languages);
  for (const button of $("languages").children) mark(button, "aria-pressed", button.lang === chosen);
  document.title = words.title;
  signIn.speak(words);
  draw();
}

function makeLanguageButton([code, { language: name }]) {
  const button = make("button", { type: "button", lang: code }, name);
  button.addEventListener("click", () => {
    keepLanguage(code);
    speak(code);
  });
  return button;
}

$("languages").append(...Object.entries(WORDS).map(makeLanguageButton));
$("sign-out").addEventListener("click", () => {
  leave();
  signIn.show(readCredentials());
});
$("change-tenant").addEventListener("click", () => {
  const credentials = readCredentials();
  leave();
  signIn.show(credentials, { asksTenant: true });
});
document.addEventListener("visibilitychange", draw);
setInterval(draw, 1000);

speak(language);
const remembered = readCredentials();
if (remembered.key) follow(remembered);
else signIn.show(remembered);
