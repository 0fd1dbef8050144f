// Keeps an open page fresh: when the service says that something changed, the page's <main> is read again.
"use strict";
(() => {
  const address = document.currentScript.dataset.events;
  let source = null;
  let busy = false;
  let again = false;

  async function refresh() {
    if (busy) { again = true; return; }
    busy = true;
    try {
      const answer = await fetch(location.href, { headers: { accept: "text/html" } });
      if (answer.ok) { show(new DOMParser().parseFromString(await answer.text(), "text/html")); }
    } catch { /* the service restarts: the stream comes back by itself, and with it the next refresh */ }
    busy = false;
    if (again) { again = false; refresh(); }
  }

  function show(fresh) {
    const open = [...document.querySelectorAll("main details")].map((one) => one.open);
    document.querySelector("main").replaceWith(fresh.querySelector("main"));
    document.querySelector("footer").replaceWith(fresh.querySelector("footer"));
    document.title = fresh.title;
    document.querySelectorAll("main details").forEach((one, n) => { if (n < open.length) { one.open = open[n]; } });
  }

  function listen() {
    source = new EventSource(address);
    source.addEventListener("change", refresh);
    let lost = false;
    source.addEventListener("error", () => { lost = true; });
    source.addEventListener("open", () => { if (lost) { lost = false; refresh(); } });
  }

  // A hidden page takes no place among the service's clients.
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) { source?.close(); source = null; } else if (source === null) { listen(); refresh(); }
  });
  if (!document.hidden) { listen(); }
})();
