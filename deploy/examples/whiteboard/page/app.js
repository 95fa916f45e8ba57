// The page: tools, people, cursors, notes, reactions. What I do shows here at once and is sent; what others
// do comes over the link. After a break the welcome replaces everything we show.
import {Board, kColours, kHeight, kWidth, place} from "./board.js";
import {Link} from "./link.js";
import {burst, kReactions} from "./reactions.js";

const kWidths = [35, 70, 150];
const kNoteLength = 120;
const kStrokeNumbers = 2000;  // coordinates, then a new stroke begins: half of the server's limit
const kSendMs = 33;
const kFirst = ["Amber", "Brisk", "Calm", "Dapper", "Eager", "Fern", "Golden", "Happy", "Indigo", "Jolly", "Lucky", "Mellow"];
const kSecond = ["Otter", "Heron", "Lynx", "Panda", "Robin", "Fox", "Koala", "Wren", "Seal", "Moth", "Hare", "Finch"];

const $ = (id) => document.getElementById(id);
const surface = $("board");
const board = new Board($("ink"));
const people = new Map();   // id -> {id, name, c}, me included
const cursors = new Map();  // id -> {x, y, element}
const notes = new Map();    // key -> element
const me = {id: 0, name: storedName(), c: 0, next: 1, key: storedKey()};
let tool = "pen";
let width = kWidths[1];
let stroke = null;   // mine, being drawn
let unsent = [];     // its coordinates that are not sent yet
let pointer = [kWidth / 2, kHeight / 2];
let pointerIsNew = false;
let remoteEvents = 0;

function storedKey() {
  // Of this tab: lets it undo its own strokes after a reconnect.
  const key = sessionStorage.getItem("whiteboard-key") ||
      [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, "0")).join("");
  sessionStorage.setItem("whiteboard-key", key);
  return key;
}

function storedName() {
  const pick = (words) => words[Math.floor(Math.random() * words.length)];
  return localStorage.getItem("whiteboard-name") || `${pick(kFirst)} ${pick(kSecond)}`;
}

function make(tag, properties = {}, parent = null) {
  const element = Object.assign(document.createElement(tag), properties);
  parent?.append(element);
  return element;
}

// --- the link -----------------------------------------------------------------------------------

const take = {
  welcome(m) {
    Object.assign(me, {id: m.you, c: m.c, next: m.next});
    people.clear();
    cursors.forEach(({element}) => element.remove());
    cursors.clear();
    [...m.people, {id: m.you, name: me.name, c: m.c}].forEach((person) => people.set(person.id, person));
    board.reset(m.items);
    notes.forEach((element) => element.remove());
    notes.clear();
    board.notes.forEach(showNote);
    stroke = null;
    unsent = [];
    $("name").textContent = document.title = m.board;
    showPeople();
    showTools();
  },
  join: (m) => (people.set(m.id, m), showPeople()),
  me: (m) => (people.set(m.id, m), showPeople()),
  leave(m) {
    people.delete(m.id);
    cursors.get(m.id)?.element.remove();
    cursors.delete(m.id);
    showPeople();
  },
  begin: (m) => (board.put(m), moveCursor(m.by, m.p)),
  points: (m) => (board.extend(m, m.p), moveCursor(m.by, m.p)),
  note: (m) => (board.put(m), showNote(m)),
  remove(m) {
    board.remove(m);
    notes.get(Board.key(m))?.remove();
    notes.delete(Board.key(m));
  },
  clear() {
    board.reset([]);
    notes.forEach((element) => element.remove());
    notes.clear();
  },
  cursor: (m) => moveCursor(m.by, m.p),
  react: (m) => (moveCursor(m.by, m.p), burst($("cursors"), m.e, m.p)),
};

const link = new Link(
    () => ({t: "hello", key: me.key, name: me.name}),
    (message) => {
      if (message.t !== "welcome") remoteEvents += 1;
      take[message.t]?.(message);
      surface.classList.toggle("used", board.items.size > 0 || stroke !== null);
    },
    (state) => {
      $("status").dataset.state = state;
      $("status").textContent = {live: "live", connecting: "connecting", offline: "reconnecting", ended: "ended"}[state];
      $("ended").hidden = state !== "ended";
    });

setInterval(() => {
  if (stroke && unsent.length > 0) {
    link.send({t: "points", n: stroke.n, p: unsent});
    unsent = [];
  } else if (pointerIsNew && people.size > 1) {
    link.send({t: "cursor", p: pointer});
  }
  pointerIsNew = false;
}, kSendMs);

// --- people -------------------------------------------------------------------------------------

function showPeople() {
  const here = [...people.values()].sort((a, b) => (a.id === me.id ? -1 : b.id === me.id ? 1 : a.id - b.id));
  $("count").textContent = here.length === 1 ? "only you here" : `${here.length} people here`;
  $("people").replaceChildren(...here.map((person) => {
    const initials = person.name.split(/\s+/).map((word) => [...word][0] ?? "").slice(0, 2).join("");
    const item = make("li", {textContent: initials.toUpperCase() || "?", title: person.name});
    item.style.setProperty("--colour", kColours[person.c]);
    if (person.id === me.id) {
      item.className = "me";
      item.title = `${person.name} (you): click to change your name`;
      item.onclick = rename;
    }
    return item;
  }));
  cursors.forEach((cursor, id) => nameCursor(cursor, people.get(id)));
}

function rename() {
  const name = prompt("Your name on the board", me.name)?.trim().slice(0, 24);
  if (!name) return;
  localStorage.setItem("whiteboard-name", name);
  me.name = name;
  tellMe();
}

function tellMe() {
  people.set(me.id, {id: me.id, name: me.name, c: me.c});
  link.send({t: "me", name: me.name, c: me.c});
  showPeople();
}

function moveCursor(id, points) {
  if (!people.has(id)) return;
  let cursor = cursors.get(id);
  if (cursor === undefined) {
    const element = make("div", {className: "cursor"}, $("cursors"));
    element.innerHTML = '<svg viewBox="0 0 20 20"><path d="M2 2l6 16 2.5-6.5L17 9z" fill="currentColor" ' +
        'stroke="white" stroke-width="1.5" stroke-linejoin="round"/></svg><span></span>';
    cursor = {element};
    cursors.set(id, cursor);
    nameCursor(cursor, people.get(id));
  }
  [cursor.x, cursor.y] = points.slice(-2);
  placeCursor(cursor);
}

function nameCursor({element}, person) {
  element.style.setProperty("--colour", kColours[person.c]);
  element.querySelector("span").textContent = person.name;
}

function placeCursor({element, x, y}) {
  const pixel = surface.clientWidth / kWidth;
  element.classList.toggle("right", x * pixel > surface.clientWidth - 150);
  element.classList.toggle("low", y * pixel > surface.clientHeight - 50);
  element.style.transform = `translate(${x * pixel}px, ${y * pixel}px)`;
}

// --- drawing ------------------------------------------------------------------------------------

function at(event) {
  const box = surface.getBoundingClientRect();
  const on = (part, max) => Math.round(Math.min(Math.max(part, 0), 1) * max);
  return [on((event.clientX - box.left) / box.width, kWidth), on((event.clientY - box.top) / box.height, kHeight)];
}

function begin(point) {
  stroke = {by: me.id, n: me.next++, c: me.c, w: width, p: [...point]};
  unsent = [];
  board.put(stroke);
  link.send({t: "begin", n: stroke.n, c: stroke.c, w: stroke.w, p: [...point]});
  surface.classList.add("used");
}

function extend(points) {
  for (const point of points) {
    const [x, y] = stroke.p.slice(-2);
    if (Math.hypot(point[0] - x, point[1] - y) < 12) continue;
    stroke.p.push(...point);
    unsent.push(...point);
    if (stroke.p.length >= kStrokeNumbers) {
      end();
      begin(point);
    }
  }
  board.draw(stroke);
}

function end() {
  if (stroke && unsent.length > 0) link.send({t: "points", n: stroke.n, p: unsent});
  stroke = null;
  unsent = [];
}

surface.addEventListener("pointerdown", (event) => {
  if (event.button !== 0 || !event.isPrimary || !link.isLive || event.target.closest(".note")) return;
  event.preventDefault();
  document.activeElement?.blur();
  if (tool === "note") {
    newNote(at(event));
    return;
  }
  surface.setPointerCapture(event.pointerId);
  begin(at(event));
});
surface.addEventListener("pointermove", (event) => {
  if (!event.isPrimary) return;
  pointer = at(event);
  pointerIsNew = true;
  const events = event.getCoalescedEvents?.() ?? [];
  if (stroke) extend((events.length ? events : [event]).map(at));
});
["pointerup", "pointercancel"].forEach((name) => surface.addEventListener(name, (event) => event.isPrimary && end()));

// --- notes --------------------------------------------------------------------------------------

function newNote(point) {
  const margin = 2300;
  const p = [Math.min(point[0], kWidth - margin), Math.min(point[1], kHeight - 1300)];
  const note = {by: me.id, n: me.next++, c: me.c, p, text: ""};
  board.put(note);
  showNote(note);
  notes.get(Board.key(note)).querySelector("div").focus();
  choose("pen");
}

function sendNote(note) {
  if (note.text) link.send({t: "note", by: note.by, n: note.n, c: note.c, p: note.p, text: note.text});
}

function dropNote(note) {
  link.send({t: "remove", by: note.by, n: note.n});
  take.remove(note);
}

function showNote(note) {
  const key = Board.key(note);
  let element = notes.get(key);
  if (element === undefined) {
    element = make("div", {className: "note"}, $("notes"));
    notes.set(key, element);
    element.style.setProperty("--tilt", `${((note.n * 37 + note.by * 11) % 5) - 2}deg`);
    const text = make("div", {contentEditable: "plaintext-only", spellcheck: false}, element);
    const button = make("button", {textContent: "\u00d7", title: "Remove this note"}, element);
    const current = () => board.items.get(key);
    text.oninput = () => {
      const note = current();
      if (!note) return;
      if ([...text.innerText].length > kNoteLength) text.textContent = [...text.innerText].slice(0, kNoteLength - 1).join("");
      note.text = text.innerText.trim();
      sendNote(note);
    };
    text.onkeydown = (event) => {
      event.stopPropagation();
      if (event.key === "Escape") text.blur();
    };
    text.onblur = () => {
      const note = current();
      if (note && !note.text) dropNote(note);
    };
    button.onclick = () => current() && dropNote(current());
    dragNote(element, current);
  }
  element.style.setProperty("--colour", kColours[note.c]);
  const text = element.querySelector("div");
  if (text.innerText.trim() !== note.text) text.textContent = note.text;
  place(element, note.p);
}

function dragNote(element, current) {
  let grip = null;
  element.addEventListener("pointerdown", (event) => {
    if (document.activeElement === element.querySelector("div") || event.target.tagName === "BUTTON") return;
    const [x, y] = at(event);
    const note = current();
    grip = {dx: note.p[0] - x, dy: note.p[1] - y, moved: false};
    element.setPointerCapture(event.pointerId);
    event.preventDefault();
  });
  element.addEventListener("pointermove", (event) => {
    const note = current();
    if (!grip || !note) return;
    const [x, y] = at(event);
    note.p = [Math.min(Math.max(x + grip.dx, 0), kWidth - 2300), Math.min(Math.max(y + grip.dy, 0), kHeight - 1000)];
    grip.moved = true;
    place(element, note.p);
    sendNote(note);
  });
  element.addEventListener("pointerup", () => {
    if (grip && !grip.moved) element.querySelector("div").focus();
    grip = null;
  });
  element.addEventListener("pointercancel", () => (grip = null));
}

// --- tools --------------------------------------------------------------------------------------

function choose(name) {
  tool = surface.dataset.tool = name;
  showTools();
}

function showTools() {
  document.querySelectorAll("footer [data-tool]").forEach((b) => b.setAttribute("aria-pressed", b.dataset.tool === tool));
  [...$("colours").children].forEach((b, i) => b.setAttribute("aria-checked", i === me.c));
  [...$("widths").children].forEach((b, i) => b.setAttribute("aria-checked", kWidths[i] === width));
}

function clearForAll() {
  const button = $("clear");
  if (button.classList.toggle("armed")) {
    setTimeout(() => button.classList.remove("armed"), 2500);
  } else {
    link.send({t: "clear"});
  }
}

document.querySelectorAll("footer [data-tool]").forEach((b) => (b.onclick = () => choose(b.dataset.tool)));
kColours.forEach((colour, i) => {
  const button = make("button", {title: `Colour ${i + 1}`, onclick: () => ((me.c = i), tellMe(), showTools())}, $("colours"));
  button.setAttribute("role", "radio");
  button.style.setProperty("--colour", colour);
});
kWidths.forEach((value, i) => {
  const title = ["Fine", "Medium", "Bold"][i];
  const button = make("button", {title, onclick: () => ((width = value), showTools())}, $("widths"));
  button.setAttribute("role", "radio");
  button.style.setProperty("--dot", `${5 + i * 5}px`);
});
kReactions.forEach(([colour, path], i) => {
  const react = () => link.send({t: "react", e: i, p: pointer}) && burst($("cursors"), i, pointer);
  const button = make("button", {title: `React where you pointed last (${i + 1})`, onclick: react}, $("reactions"));
  button.style.setProperty("--colour", colour);
  button.innerHTML = `<svg viewBox="0 0 24 24"><path d="${path}"/></svg>`;
});
$("undo").onclick = () => link.send({t: "undo"});
$("clear").onclick = clearForAll;
addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key === "z") link.send({t: "undo"});
  else if (event.ctrlKey || event.metaKey || event.altKey) return;
  else if (event.key === "p") choose("pen");
  else if (event.key === "n") choose("note");
  else $("reactions").children[Number(event.key) - 1]?.click();
});

new ResizeObserver(() => {
  board.resize(surface.clientWidth);
  surface.style.setProperty("--unit", `${(surface.clientWidth * 10) / kWidth}px`);
  cursors.forEach(placeCursor);
}).observe(surface);
showTools();

// For tests and the curious: what this page knows.
window.whiteboard = {
  status: () => $("status").dataset.state,
  me: () => me.id,
  strokes: () => board.strokes.length,
  points: () => board.strokes.reduce((sum, item) => sum + item.p.length / 2, 0),
  notes: () => board.notes.map((note) => note.text),
  people: () => [...people.values()].map((person) => person.name),
  cursors: () => [...cursors].map(([id, {x, y}]) => ({name: people.get(id).name, x, y})),
  remoteEvents: () => remoteEvents,
};
