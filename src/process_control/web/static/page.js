// What a page can do without a request to the server: keys, the live connection, and saying when it is lost.
"use strict";

const lost = document.getElementById("lost");
const keys = document.getElementById("keys");
const changed = document.getElementById("changed");

document.addEventListener("keydown", (event) => {
  if (event.target.closest("input, select, textarea") || event.ctrlKey || event.metaKey || event.altKey) return;
  const go = { o: "/", d: "/day", i: "/incidents" }[event.key];
  if (event.key === "/") {
    const search = document.getElementById("search");
    if (search) { search.focus(); event.preventDefault(); } else location.assign("/?text=#search");
  } else if (event.key === "?") keys.showModal();
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
