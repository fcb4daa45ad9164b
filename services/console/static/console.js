// Keys, the clocks of deadlines, and menus that close. Every page works without this file.
"use strict";

const OFF = "riskloom.shortcuts.off";
const GOING_MS = 1200;
let goingUntil = 0;

const isTyping = (target) => target.closest("input:not([type=radio], [type=checkbox]), textarea, select, [contenteditable]");

function go(letter) {
  const link = document.querySelector(`[data-go="${CSS.escape(letter)}"]`);
  if (link) link.click();
}

function press(key) {
  const found = document.querySelector(`[data-key="${CSS.escape(key)}"]`);
  if (!found) return false;
  if (found.matches("button")) found.click();
  else found.focus();
  return true;
}

function move(step) {
  const links = [...document.querySelectorAll("[data-list] tbody th a")];
  if (!links.length) return;
  const at = links.findIndex((link) => link.closest("tr").contains(document.activeElement));
  const next = at < 0 ? 0 : Math.min(Math.max(at + step, 0), links.length - 1);
  links[next].focus();
}

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") {
    document.querySelectorAll("details.menu[open]").forEach((menu) => {
      menu.open = false;
      menu.querySelector("summary").focus();
    });
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || localStorage.getItem(OFF) || isTyping(event.target)) return;
  if (document.querySelector("dialog[open]")) return;
  if (performance.now() < goingUntil) {
    goingUntil = 0;
    go(event.key);
    return;
  }
  if (event.key === "g") goingUntil = performance.now() + GOING_MS;
  else if (event.key === "j" || event.key === "k") move(event.key === "j" ? 1 : -1);
  else if (press(event.key)) event.preventDefault();
});

document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-opens]");
  if (opener) document.getElementById(opener.dataset.opens).showModal();
  document.querySelectorAll("details.menu[open]").forEach((menu) => {
    if (!menu.contains(event.target)) menu.open = false;
  });
});

// A form that was sent is not sent again by an impatient second click; the ledger would not mind, the eye would.
document.addEventListener("submit", (event) => {
  if (event.target.method !== "post") return;
  setTimeout(() => event.target.querySelectorAll("button").forEach((button) => { button.disabled = true; }));
});
window.addEventListener("pageshow", () => {
  document.querySelectorAll("form button:disabled").forEach((button) => { button.disabled = false; });
});

// The editor of rules: mistakes lead to their place, names are found and put where the cursor is.
const editor = () => document.querySelector("textarea[name=source]");

function goTo(line, column) {
  const field = editor();
  const lines = field.value.split("\n");
  const at = lines.slice(0, line - 1).join("\n").length + (line > 1 ? 1 : 0) + column - 1;
  field.focus();
  field.setSelectionRange(at, at + (lines[line - 1] || "").length - column + 1);
  field.scrollTop = (field.scrollHeight / lines.length) * Math.max(line - 4, 0);
}

document.addEventListener("click", (event) => {
  const place = event.target.closest("[data-line]");
  if (place) goTo(Number(place.dataset.line), Number(place.dataset.column));
  const name = event.target.closest("[data-insert]");
  if (name) {
    const field = editor();
    field.setRangeText(name.dataset.insert, field.selectionStart, field.selectionEnd, "end");
    field.focus();
  }
});
document.addEventListener("input", (event) => {
  const list = event.target.dataset.filter && document.getElementById(event.target.dataset.filter);
  if (!list) return;
  const wanted = event.target.value.trim().toLowerCase();
  list.querySelectorAll("li").forEach((item) => { item.hidden = !item.textContent.toLowerCase().includes(wanted); });
});

function span(seconds) {
  const whole = Math.abs(Math.trunc(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.trunc(whole / 60)} min`;
  if (whole < 86400) return `${Math.trunc(whole / 3600)} h ${Math.trunc((whole % 3600) / 60)} min`;
  return `${Math.trunc(whole / 86400)} d ${Math.trunc((whole % 86400) / 3600)} h`;
}

// The page's own time is the server's: the clock of this machine may be wrong, and only goes on from there.
const shown = document.querySelector(".foot time");
const serverAhead = shown ? Date.parse(shown.dateTime) - Date.now() : 0;
setInterval(() => {
  document.querySelectorAll("[data-due]").forEach((clock) => {
    const left = (Date.parse(clock.dataset.due) - Date.now() - serverAhead) / 1000;
    clock.classList.toggle("late", left < 0);
    clock.textContent = left < 0 ? `▲ ${span(left)} late` : `${span(left)} left`;
  });
}, 30_000);

document.querySelectorAll("[data-first]").forEach((notice) => notice.focus());
document.querySelectorAll("[data-shortcuts]").forEach((box) => {
  box.checked = !localStorage.getItem(OFF);
  box.addEventListener("change", () => {
    if (box.checked) localStorage.removeItem(OFF);
    else localStorage.setItem(OFF, "1");
  });
});
