"use strict";
// Text of others is only ever set as text, and never as HTML.
const results = JSON.parse(document.getElementById("results").textContent);
const { machines, findings, rows, drawings } = results;
const SIGNS = {
  "same": "=", "differs": "≠", "measured": "•", "skipped": "–", "missing": " ",
  "no answer": "!", "not compared": "?",
};
// The number of cases and of steps of a finding that are named at first.
const NAMED = 6;
const at = (id) => document.getElementById(id);

function make(tag, attributes, ...inside) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...inside);
  return element;
}

function button(words, act, attributes = {}) {
  const element = make("button", { type: "button", ...attributes }, ...[words].flat());
  element.addEventListener("click", act);
  return element;
}

function counted(number, what) {
  return `${number} ${what}${number === 1 ? "" : "s"}`;
}

// A line of a picture; what differs is marked.
function line(spans) {
  return spans.map(([text, differs]) => (differs ? make("mark", {}, text) : text));
}

function picture(name, lines) {
  const text = make("pre", { tabindex: "0" });
  for (const spans of lines) text.append(...line(spans), "\n");
  return make("figure", {}, make("figcaption", {}, name), text);
}

function pictures(row, machine) {
  const cell = row.cells[machine];
  const box = make("div", { class: "pictures" });
  if (cell.drawing === null) return box;
  const lines = drawings[cell.drawing];
  if (cell.against !== null) box.append(picture(cell.against, lines.map((both) => both.left)));
  box.append(picture(machines[machine].name, lines.map((both) => both.right)));
  return box;
}

function rule([name, text]) {
  return make("p", { class: "rule" }, make("b", {}, name), `: ${text}`);
}

function detail(row, machine) {
  const cell = row.cells[machine];
  const box = make("td", { colspan: String(machines.length + 1) });
  box.append(make("p", {}, row.summary || row.case));
  if (cell.reason !== null) box.append(make("p", {}, `${cell.state}: ${cell.reason}`));
  const named = new Set();
  for (const number of cell.findings) {
    const finding = findings[number - 1];
    box.append(make("p", {}, `Finding ${number}: ${finding.words}`));
    for (const own of finding.rules) {
      if (!named.has(own[0])) box.append(rule(own));
      named.add(own[0]);
    }
  }
  box.append(pictures(row, machine));
  if (row.c_program !== null) {
    const text = make("pre", { tabindex: "0" }, row.c_program);
    box.append(make("details", {}, make("summary", {}, "C program"), text));
  }
  return box;
}

// The rows of the page, with the words by which each is found.
const shown = rows.map((row) => ({ row, open: null, words: found(row), element: null, detail: null }));
const families = new Map();

function found(row) {
  const words = [row.case, row.summary];
  row.cells.forEach((cell, machine) => {
    words.push(cell.state);
    if (cell.state !== "differs") return;
    words.push(machines[machine].name);
    for (const number of cell.findings) {
      const { words: told, rules } = findings[number - 1];
      words.push(told, ...rules.map(([name]) => name));
    }
  });
  return words.join(" ").toLowerCase();
}

// The machine whose picture says most: one that differs, or else one that has a picture.
function telling(row) {
  const differs = row.cells.findIndex((cell) => cell.state === "differs");
  const drawn = row.cells.findIndex((cell) => cell.drawing !== null);
  return Math.max(0, differs >= 0 ? differs : drawn);
}

function toggle(own, machine) {
  const closes = own.open === machine;
  if (own.detail !== null) own.detail.remove();
  own.detail = closes ? null : make("tr", { class: "detail" }, detail(own.row, machine));
  own.open = closes ? null : machine;
  if (own.detail !== null) own.element.after(own.detail);
  own.element.setAttribute("aria-expanded", String(!closes));
}

function cell(own, machine) {
  const { state, findings: numbers, reason } = own.row.cells[machine];
  const words = [state, numbers.join(", ")].filter((word) => word !== "").join(" ");
  const inside = [make("span", { class: "sign" }, SIGNS[state]), make("span", { class: "word" }, words)];
  const title = `${machines[machine].name}: ${words}${reason === null ? "" : `: ${reason}`}`;
  const show = button(inside, () => toggle(own, machine), { title, "aria-label": title });
  return make("td", { class: `cell ${state.replace(" ", "-")}` }, show);
}

function head() {
  const columns = make("colgroup", {}, make("col", {}));
  const names = make("tr", {}, make("th", { scope: "col" }, "case"));
  for (const { label, name } of machines) {
    columns.append(make("col", { class: "machine" }));
    const inside = [make("span", { class: "label" }, label), make("span", { class: "name" }, `${label}  ${name}`)];
    names.append(make("th", { scope: "col", title: name }, ...inside));
  }
  at("table").style.setProperty("--machines", machines.length);
  at("table").prepend(columns);
  at("table").tHead.append(names);
}

function family(name) {
  const own = { name, open: false, rows: [], body: make("tbody", {}), element: null };
  const agree = shown.filter(({ row }) => row.family === name && !row.stands_out);
  const words = agree.length === 0 ? "" : `${counted(agree.length, "case")} folded`;
  const fold = button([make("b", {}, name || "cases"), make("small", {}, words)], () => {
    own.open = !own.open;
    apply();
  });
  own.element = make("tr", { class: "family" }, make("th", { colspan: String(machines.length + 1) }, fold));
  own.fold = fold;
  own.body.append(own.element);
  at("table").append(own.body);
  families.set(name, own);
  return own;
}

function body() {
  for (const own of shown) {
    const group = families.get(own.row.family) || family(own.row.family);
    const name = button(own.row.case, () => toggle(own, telling(own.row)), { class: "code" });
    own.element = make("tr", { "data-case": own.row.case }, make("td", {}, name));
    own.row.cells.forEach((_, machine) => own.element.append(cell(own, machine)));
    group.rows.push(own);
    group.body.append(own.element);
  }
}

// Shows the rows that have all words of the filter, and their findings. Without a filter, rows that agree are folded.
function apply() {
  const words = at("filter").value.toLowerCase().split(/\s+/).filter((word) => word !== "");
  const fitting = new Set();
  for (const group of families.values()) {
    let has = false;
    for (const own of group.rows) {
      const fits = words.every((word) => own.words.includes(word));
      const shows = fits && (words.length > 0 || group.open || own.row.stands_out || own.open !== null);
      own.element.hidden = !shows;
      if (own.detail !== null) own.detail.hidden = !shows;
      if (fits) fitting.add(own.row.case);
      has ||= fits;
    }
    group.element.hidden = !has;
    group.fold.setAttribute("aria-expanded", String(group.open));
  }
  at("none").hidden = fitting.size > 0;
  const told = [...at("findings").children];
  told.forEach((own, index) => {
    own.hidden = !findings[index].cases.some(([id]) => fitting.has(id));
  });
  at("found").hidden = told.every((own) => own.hidden);
}

// The cases of a finding: the first of them, and the others once they are asked for.
function links(ids) {
  const box = make("p", { class: "cases" });
  const add = (own) => own.forEach(([id, machine]) => {
    box.append(button(id, () => visit(id, machine), { class: "code" }), " ");
  });
  add(ids.slice(0, NAMED));
  const more = ids.slice(NAMED);
  if (more.length > 0) {
    const all = button(`and ${more.length} more`, () => {
      all.remove();
      add(more);
    });
    box.append(all);
  }
  return box;
}

function list() {
  findings.forEach((finding, index) => {
    const ids = finding.cases.filter(([id], at) => finding.cases.findIndex(([own]) => own === id) === at);
    const summary = make("summary", {}, make("b", {}, finding.words),
      `: ${counted(ids.length, "case")} on ${finding.on}`);
    const inside = [summary, ...finding.rules.map(rule)];
    inside.push(make("p", { class: "rule" }, "in: ", finding.shows.slice(0, NAMED).join(", ")));
    inside.push(links(ids));
    // Its number stays when others are hidden.
    const number = { value: String(index + 1) };
    at("findings").append(make("li", number, make("details", index === 0 ? { open: "" } : {}, ...inside)));
  });
}

// Opens a case on a machine, and goes there.
function visit(id, machine) {
  const own = shown.find(({ row }) => row.case === id);
  if (own === undefined) return;
  at("filter").value = "";
  if (own.open !== machine) toggle(own, machine);
  apply();
  own.element.scrollIntoView({ block: "start" });
}

// `#filter=WORDS` filters, and `#case=ID` opens a case.
function follow() {
  const asked = new URLSearchParams(location.hash.slice(1));
  at("filter").value = asked.get("filter") || "";
  const own = shown.find(({ row }) => row.case === asked.get("case"));
  if (own !== undefined && own.open === null) toggle(own, telling(own.row));
  apply();
  if (own !== undefined) own.element.scrollIntoView({ block: "start" });
}

function start() {
  for (const { label, name, about } of machines) {
    const told = make("span", { class: "about" }, ` ${about}`);
    at("machines").append(make("li", {}, make("b", {}, label), name, told));
  }
  const differ = rows.filter((row) => row.cells.some((own) => own.state === "differs")).length;
  at("counts").textContent = `${counted(rows.length, "case")} on ${counted(machines.length, "machine")}: `
    + `${differ} differ; ${counted(findings.length, "finding")}`;
  at("legend").textContent = Object.entries(SIGNS)
    .filter(([state]) => state !== "missing")
    .map(([state, sign]) => `${sign} ${state}`).join("   ");
  head();
  body();
  list();
  at("filter").addEventListener("input", () => {
    const words = at("filter").value;
    history.replaceState(null, "", words === "" ? "#" : `#filter=${encodeURIComponent(words)}`);
    apply();
  });
  addEventListener("hashchange", follow);
  follow();
}

start();
