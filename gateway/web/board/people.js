// The agents: found by name or login, as many as a page can show, the rest counted.

import { writeSpan } from "./clock.js";
import { isOverLimit, pausedSeconds } from "./counts.js";
import { $, mark, write } from "./dom.js";
import { search } from "./holding.js";
import { pauseOf } from "./numbers.js";
import { drawTable } from "./tables.js";

const ROWS_AT_ONCE = 50;

export class People {
  #most = ROWS_AT_ONCE;
  #wanted = { text: "", state: "" };

  // `onChange(count)` is told how many fit what was typed or chosen.
  constructor(onChange) {
    const look = () => {
      this.#wanted = { text: $("search-text").value, state: $("search-state").value };
      this.#most = ROWS_AT_ONCE;
      onChange();
    };
    $("search-text").addEventListener("input", look);
    $("search-state").addEventListener("change", look);
    $("search").addEventListener("submit", (event) => event.preventDefault());
    $("show-more").addEventListener("click", () => {
      this.#most += ROWS_AT_ONCE;
      onChange();
    });
  }

  // Gives the words for how many agents fit.
  draw(agents, { now, words, language }) {
    const found = search(agents, this.#wanted);
    const shown = found.slice(0, this.#most);
    const columns = columnsAt(now, { words, language });
    const table = $("agent-table");
    table.hidden = shown.length === 0;
    drawTable(table, shown, {
      columns,
      words,
      key: (agent) => agent.id,
      fill: (row, agent) => {
        mark(row, "data-state", agent.state);
        mark(row, "data-over", isOverLimit(agent, now) ? "" : null);
      },
    });
    const told = this.#tell(found.length, agents.length, words);
    write($("found"), told);
    write($("agents-more"), found.length > shown.length ? words.more(found.length - shown.length) : "");
    $("show-more").hidden = found.length === shown.length;
    return told;
  }

  #tell(found, all, words) {
    if (all === 0) return words.emptyCentre;
    return found === 0 ? words.foundNone : words.found(found, all);
  }
}

function columnsAt(now, { words, language }) {
  const list = new Intl.ListFormat(language, { type: "unit", style: "short" });
  return [
    { name: "who", label: () => words.agent, fill: (agent) => agent.name },
    { name: "login", label: () => words.login, fill: (agent) => agent.login },
    { name: "state", label: () => words.stateLabel, fill: (agent) => words[agent.state] },
    { name: "since", label: () => words.since, fill: (agent) => spanOf(agent, now) },
    { name: "why", label: () => words.pause, fill: (agent) => (agent.isPausing ? pauseOf(agent, words) : "") },
    {
      name: "queues",
      label: () => words.queues,
      fill: ({ queues }) => list.format(queues.map(({ id, name }) => name ?? words.namelessQueue(id))),
    },
  ];
}

function spanOf(agent, now) {
  if (agent.isPausing) return writeSpan(pausedSeconds(agent, now));
  return agent.sinceAt === null ? "" : writeSpan((now - agent.sinceAt) / 1000);
}
