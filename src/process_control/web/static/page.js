// What a page can do without a request to the server: keys, the live connection, and saying when it is lost.
"use strict";

const lost = document.getElementById("lost");
const keys = document.getElementById("keys");
const changed = document.getElementById("changed");

// The server learns the zone of this browser: it offers it in the switch of the zone.
const browserZone = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (browserZone) document.cookie = `process-control-browser-zone=${browserZone}; path=/; SameSite=Lax; max-age=31536000`;

// The first link of each row of the list, one after the other.
function step(by) {
  const links = [...document.querySelectorAll("main tbody tr, main .rows > li")].map((row) => row.querySelector("a")).filter(Boolean);
  const at = links.indexOf(document.activeElement);
  const next = links[at < 0 ? (by > 0 ? 0 : links.length - 1) : at + by];
  if (next) next.focus();
}

document.addEventListener("keydown", (event) => {
  if (event.target.closest("input, select, textarea") || event.ctrlKey || event.metaKey || event.altKey) return;
  const go = { o: "/", d: "/day", i: "/incidents", r: "/recover", a: "/audit" }[event.key];
  if (event.key === "/") {
    const search = document.getElementById("search");
    if (search) { search.focus(); event.preventDefault(); } else location.assign("/?text=#search");
  } else if (event.key === "?") keys.showModal();
  else if (event.key === "j" || event.key === "k") step(event.key === "j" ? 1 : -1);
  else if (go) location.assign(go);
});

// Nothing moves while somebody reads: a line says that something has changed.
if (changed) {
  const source = new EventSource(changed.dataset.live);
  source.addEventListener("standing", (event) => {
    changed.hidden = event.data === changed.dataset.number;
  });
  source.addEventListener("open", () => { lost.hidden = true; });
  source.addEventListener("error", () => { lost.hidden = false; });
}

// A recovery is shown as far as it is, until it is over.
const progress = document.getElementById("progress");
if (progress && progress.dataset.rows) {
  const timer = setInterval(async () => {
    try {
      const answer = await fetch(progress.dataset.rows);
      if (!answer.ok) return;
      progress.innerHTML = await answer.text();
      if (!progress.querySelector(".r-running, .r-waiting")) { clearInterval(timer); location.reload(); }
    } catch { /* the next one may come through */ }
  }, 2000);
}
