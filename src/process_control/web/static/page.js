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

// A run that is running: its lines come as events. Each row has its place as its id, so that none is shown twice.
const log = document.getElementById("log");
if (log && log.dataset.live) follow(log, document.getElementById("follow"));

function follow(log, button) {
  const MOST_ROWS = 5000;
  let address = log.dataset.live;
  let lostTimer = null;
  const isAtEnd = () => innerHeight + scrollY >= document.documentElement.scrollHeight - 60;
  const toEnd = () => scrollTo({ top: document.documentElement.scrollHeight, behavior: "instant" });

  function show(html) {
    const template = document.createElement("template");
    template.innerHTML = html;
    for (const row of [...template.content.children]) {
      const known = document.getElementById(row.id);
      if (row.classList.contains("begun")) {
        if (!known) log.append(row);
        else if (known.classList.contains("begun")) known.replaceWith(row);
      } else if (!known || known.classList.contains("begun")) {
        known?.remove();
        log.insertBefore(row, log.querySelector(".begun"));
      }
    }
  }

  function connect() {
    const source = new EventSource(address);
    source.addEventListener("rows", (event) => {
      const follows = isAtEnd();
      show(event.data);
      address = address.replace(/last=[^&]*/, `last=${event.lastEventId}`);
      if (follows) {
        while (log.childElementCount > MOST_ROWS) log.firstElementChild.remove();
        toEnd();
      }
      button.hidden = isAtEnd();
    });
    source.addEventListener("open", () => { clearTimeout(lostTimer); lostTimer = null; lost.hidden = true; });
    source.addEventListener("error", () => {
      lostTimer ??= setTimeout(() => { lost.hidden = false; }, 1500);
      if (source.readyState === EventSource.CLOSED) setTimeout(connect, 3000);  // a browser gives up after an HTTP error
    });
    source.addEventListener("end", async () => {
      source.close();
      const answer = await fetch(`${location.pathname}?part=head`);
      if (answer.ok) document.getElementById("run-head").innerHTML = await answer.text();
      document.getElementById("waiting").textContent = "The run has ended.";
      button.hidden = true;
    });
  }

  button.addEventListener("click", toEnd);
  addEventListener("scroll", () => { button.hidden = isAtEnd(); }, { passive: true });
  if (!location.hash) toEnd();
  connect();
}
