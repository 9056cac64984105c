// What the pages do better with a script: how old their data are, a search over all models, and
// what each stage held on a day. Text of a registry only ever becomes text.
"use strict";

const root = document.body.dataset.root;

// As `mlgitops.words.when` tells a time; nothing where none is known.
function when(time) {
  return time && `${time.slice(0, 16).replace("T", " ")} UTC`;
}

// A page that did not change was not written anew, but was read again: read.json says when.
async function age() {
  const read = document.querySelector("[data-age]");
  try {
    const last = await (await fetch(`${root}read.json`)).json();
    read.dateTime = last.made;
    read.textContent = when(last.made);
  } catch {
    // without a web server, the page's own time counts
  }
  const hours = (Date.now() - Date.parse(read.dateTime)) / 3600000;
  const said = hours < 1 ? "less than an hour ago" : hours < 48 ? `${Math.round(hours)} hours ago`
    : `${Math.round(hours / 24)} days ago`;
  const note = document.createElement("span");
  note.textContent = ` (${said})`;
  note.className = hours > 48 ? "old" : "";
  read.after(note);
}

function element(name, text, more = {}) {
  const made = Object.assign(document.createElement(name), more);
  made.append(...[text].flat());
  return made;
}

function linked(row) {
  return element("a", row.model, { href: `${root}models/${encodeURIComponent(row.key)}.html` });
}

function table(header, rows) {
  const body = rows.map((cells) => element("tr", cells.map((cell, at) => {
    const made = element(at ? "td" : "th", cell);
    if (at) made.dataset.label = header[at]; else made.scope = "row";
    return made;
  })));
  const head = element("tr", header.map((name) => element("th", name, { scope: "col" })));
  return element("table", [element("thead", head), element("tbody", body)]);
}

const MOST = 200;

function show(header, found, row) {
  const place = document.querySelector("#rows");
  const box = element("div", table(header, found.slice(0, MOST).map(row)), { className: "scroll stack", tabIndex: 0 });
  box.setAttribute("role", "group");
  box.setAttribute("aria-label", "Stages found");
  place.replaceChildren(box);
  const more = found.length > MOST ? `, of which ${MOST} are shown` : "";
  document.querySelector("#found").textContent = `${found.length} found${more}.`;
}

const has = (row, asked) => row.model.toLowerCase().includes(asked.q.toLowerCase())
  && (!asked.team || row.owners.includes(asked.team))
  && (!asked.stage || row.stage.toLowerCase() === asked.stage.toLowerCase());

async function search(asked) {
  try {
    const answer = await fetch(`${root}${asked.at ? "days" : "stages"}.json`);
    const every = await answer.json();
    if (asked.at) {
      const end = `${asked.at}T23:59:59Z`;
      const then = every.filter((row) => has(row, asked) && row.since <= end
        && (!row.until || row.until > end));
      show(["Model", "Stage", "Version", "Since", "By", "Pull request"], then, (row) => [
        linked(row), row.stage,
        row.moved_since ? `${row.version}, or moved by hand by then` : `${row.version}`,
        when(row.since), row.by,
        row.pull_request_url
          ? element("a", row.pull_request, { href: row.pull_request_url }) : row.pull_request]);
      const first = every.map((row) => row.since).sort()[0];
      if (!then.length && first) {
        document.querySelector("#found").textContent =
          `No such stage held a version at the end of ${asked.at}; the first known version came ${first.slice(0, 10)}.`;
      }
      return;
    }
    const found = every.filter((row) => has(row, asked) && (!asked.state || row.state === asked.state));
    show(["Model", "Stage", "Version", "State", "Since", "By"], found, (row) => [
      linked(row), row.stage, row.version === null ? "empty" : `${row.version}`,
      element("span", row.state, { className: `state ${row.state.replaceAll(" ", "-")}` }),
      when(row.since), row.by]);
  } catch {
    document.querySelector("#found").textContent =
      "To search, open this page from a web server: mlgitops site OUT --serve";
  }
}

function filter() {
  const form = document.querySelector("form.filter");
  if (!form) return;
  form.hidden = false;
  const given = new URLSearchParams(location.search);
  const asked = { q: "", team: "", stage: "", state: "", at: "" };
  for (const name of Object.keys(asked)) {
    asked[name] = given.get(name) || "";
    form.elements[name].value = asked[name];
  }
  if (Object.values(asked).some(Boolean)) search(asked);
}

age();
filter();
