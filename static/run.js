/* Rows that arrive live are the same text for everybody, so their times are in the installation's zone; here they
   become those of the person's own zone, as the page drew the rows before them. */
(() => {
  const page = document.documentElement;
  const zone = page.dataset.zone || undefined;
  const clock = new Intl.DateTimeFormat("en-GB", { timeZone: zone, hour: "2-digit", minute: "2-digit", second: "2-digit" });
  const day = new Intl.DateTimeFormat("en-GB", { timeZone: zone, day: "numeric", month: "short" });
  const own = (row) => {
    for (const time of row.querySelectorAll(":scope > .log-time > time")) {
      const at = new Date(time.dateTime);
      const shown = clock.format(at);
      if (time.textContent === shown) continue;
      time.textContent = shown;
      time.title = `${day.format(at)} ${shown}`;
    }
  };
  const seen = new MutationObserver((changes) => {
    for (const change of changes) change.addedNodes.forEach((row) => row.nodeType === 1 && own(row));
  });
  document.querySelectorAll("[data-tail]").forEach((list) => seen.observe(list, { childList: true }));
})();
