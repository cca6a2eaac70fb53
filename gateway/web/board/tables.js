// Tables whose rows are kept: a row moves or changes its text, and is made anew only for somebody new.

import { make, mark, write } from "./dom.js";

// The roles are said although the elements have them: on a phone rows are laid out as cards, and a browser
// takes the role of what is no longer laid out as a table.
export function makeRow(columns) {
  const row = make("tr", { role: "row" });
  for (const [index, column] of columns.entries()) {
    const cell = index === 0 ? make("th", { scope: "row", role: "rowheader" }) : make("td", { role: "cell" });
    cell.className = column.name;
    row.append(cell);
  }
  return row;
}

// `columns`: { name, label(words), fill(cell, item) }; `key(item)` names a row.
export function drawTable(table, items, { columns, words, key, fill = () => {} }) {
  drawHead(table.tHead.rows[0], { columns, words });
  const body = table.tBodies[0];
  const held = new Map([...body.rows].map((row) => [row.dataset.key, row]));
  for (const [index, item] of items.entries()) {
    const name = String(key(item));
    const row = held.get(name) ?? makeRow(columns);
    held.delete(name);
    row.dataset.key = name;
    fillRow(row, item, { columns, words });
    fill(row, item);
    if (body.rows[index] !== row) body.insertBefore(row, body.rows[index] ?? null);
  }
  for (const row of held.values()) row.remove();
}

export function fillRow(row, item, { columns, words }) {
  for (const [index, column] of columns.entries()) {
    const cell = row.cells[index];
    mark(cell, "data-label", column.label(words));
    const text = column.fill(item, cell);
    if (text !== undefined) write(cell, text);
  }
}

function drawHead(row, { columns, words }) {
  while (row.cells.length < columns.length) {
    const { name } = columns[row.cells.length];
    row.append(make("th", { scope: "col", role: "columnheader", class: name }));
  }
  for (const [index, column] of columns.entries()) write(row.cells[index], column.label(words));
}
