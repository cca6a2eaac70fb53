// The numbers: a tile for each state, the pauses over their limit, and a row for each queue.

import { writeSpan } from "./clock.js";
import { countAll, countByQueue, findNext, findOverLimit, pausedSeconds, secondsLeft } from "./counts.js";
import { $, make, mark, write } from "./dom.js";
import { drawTable, fillRow, makeRow } from "./tables.js";

const MOST_PAUSES = 10; // of those over their limit, and of the next ones as many as there is room

const TILES = [
  {
    name: "over",
    label: "over",
    count: (counts) => counts.overLimit,
    note: (counts, words) => (counts.overLimit === 0 ? "" : words.longest(writeSpan(counts.longestOverSeconds))),
  },
  {
    name: "paused",
    label: "PAUSED",
    count: (counts) => counts.paused,
    note: (counts, words) =>
      counts.paused === 0 ? "" : `${words.productive(counts.pausedProductive)}, ${words.longest(longest(counts))}`,
  },
  {
    name: "logged-in",
    label: "LOGGED_IN",
    count: (counts) => counts.loggedIn,
    note: (counts, words) => (counts.loggedIn === 0 ? "" : words.mayBeOnCall),
  },
  { name: "logged-out", label: "LOGGED_OUT", count: (counts) => counts.loggedOut, note: () => "" },
  { name: "inactive", label: "INACTIVE", count: (counts) => counts.inactive, note: () => "" },
];

const nameOf = (queue, words) =>
  queue.id === null ? words.noQueue : (queue.name ?? words.namelessQueue(queue.id));
const longest = (counts) => (counts.longestPauseSeconds === null ? "–" : writeSpan(counts.longestPauseSeconds));

// Draws all numbers from the same agents at the same instant.
export function drawNumbers(agents, { now, words, language }) {
  const counts = countAll(agents, now);
  drawTiles(counts, words);
  drawPauses(agents, { now, words });
  drawQueues(agents, counts, { now, words, language });
  return counts;
}

function drawTiles(counts, words) {
  const list = $("tiles");
  if (list.childElementCount === 0) list.append(...TILES.map(makeTile));
  for (const [index, tile] of TILES.entries()) {
    const [label, number, note] = list.children[index].children;
    write(label, words[tile.label]);
    write(number, tile.count(counts));
    write(note, tile.note(counts, words));
  }
  mark(list.firstElementChild, "data-alarm", counts.overLimit > 0 ? "" : null);
  write($("total"), words.total(counts.agents));
}

function makeTile({ name }) {
  const number = make("dd", { class: "count" });
  return make("div", { class: `tile ${name}` }, make("dt"), number, make("dd", { class: "note" }));
}

function drawPauses(agents, { now, words }) {
  const over = findOverLimit(agents, now);
  const shown = over.slice(0, MOST_PAUSES);
  const next = findNext(agents, now).slice(0, MOST_PAUSES - shown.length);
  $("over-none").hidden = over.length > 0;
  $("over-table").hidden = over.length === 0;
  $("over-more").hidden = over.length === shown.length;
  $("next").hidden = next.length === 0;
  write($("over-more"), words.moreOver(over.length - shown.length));
  const { who, why, lasts, limit, by, left } = pauseColumns(now, words);
  drawTable($("over-table"), shown, { columns: [who, why, lasts, by, limit], words, key: (agent) => agent.id });
  drawTable($("next-table"), next, { columns: [who, why, lasts, left, limit], words, key: (agent) => agent.id });
}

const pauseColumns = (now, words) => ({
  who: { name: "who", label: () => words.agent, fill: (agent) => agent.name },
  why: { name: "why", label: () => words.pause, fill: (agent) => pauseOf(agent, words) },
  lasts: { name: "lasts", label: () => words.lasts, fill: (agent) => writeSpan(pausedSeconds(agent, now)) },
  by: { name: "by", label: () => words.overBy, fill: (agent) => `+${writeSpan(-secondsLeft(agent, now))}` },
  left: { name: "left", label: () => words.left, fill: (agent) => writeSpan(secondsLeft(agent, now)) },
  limit: { name: "limit", label: () => words.limit, fill: (agent) => writeSpan(agent.limitSeconds) },
});

export function pauseOf(agent, words) {
  return agent.currentPause?.pause?.description ?? words.unknownPause;
}

function drawQueues(agents, total, { now, words, language }) {
  const { compare } = new Intl.Collator(language, { numeric: true });
  const queues = countByQueue(agents, now)
    .map((queue) => ({ ...queue, title: nameOf(queue, words) }))
    .sort((one, other) => (one.id === null) - (other.id === null) || compare(one.title, other.title));
  const columns = QUEUE_COLUMNS;
  const table = $("queue-table");
  drawTable(table, queues, { columns, words, key: (queue) => queue.id ?? "none" });
  if (table.tFoot.rows.length === 0) table.tFoot.append(makeRow(columns));
  fillRow(table.tFoot.rows[0], { title: words.totalRow, counts: total }, { columns, words });
}

const number = (name, word, read) => ({
  name,
  label: (words) => words[word],
  fill: ({ counts }, cell) => {
    const value = read(counts);
    mark(cell, "data-zero", value === 0 || value === "–" ? "" : null);
    return value;
  },
});

const QUEUE_COLUMNS = [
  { name: "queue", label: (words) => words.queue, fill: (queue) => queue.title },
  number("over", "over", (counts) => counts.overLimit),
  number("paused", "PAUSED", (counts) => counts.paused),
  number("logged-in", "LOGGED_IN", (counts) => counts.loggedIn),
  number("logged-out", "LOGGED_OUT", (counts) => counts.loggedOut),
  number("inactive", "INACTIVE", (counts) => counts.inactive),
  number("all", "agents", (counts) => counts.agents),
  number("longest", "longestPause", longest),
];
