// Browser notifications for "needs input". The server decides what may be shown (quiet time, once per card);
// this asks it whenever the Needs-you panel changes while the person looks elsewhere. See docs/webhooks.md.
(() => {
  "use strict";
  const own = document.currentScript;
  const claimUrl = own && own.dataset.claim;
  const can = "Notification" in window && window.isSecureContext;

  function draw() {
    const chip = document.getElementById("notify-state");
    if (!chip) return;
    const [word, tone] = !can
      ? ["Not possible here: needs https or localhost", "off"]
      : { granted: ["On", "ok"], denied: ["Blocked in this browser's settings", "bad"], default: ["Off", "off"] }[
          Notification.permission
        ];
    chip.querySelector("[data-word]").textContent = word;
    chip.dataset.tone = tone;
    const ask = document.getElementById("notify-ask");
    ask.hidden = !can || Notification.permission !== "default";
  }

  document.addEventListener("click", (event) => {
    if (event.target.closest("#notify-ask")) Notification.requestPermission().then(draw);
  });
  draw();
  if (!can || !claimUrl) return;

  const isLooking = () => document.visibilityState === "visible" && document.hasFocus();
  const token = () => {
    try {
      return JSON.parse(document.body.getAttribute("hx-headers:inherited") || "{}")["X-CSRFToken"] || "";
    } catch {
      return "";
    }
  };

  function show(card) {
    const shown = new Notification(card.title, { body: card.text, tag: card.key });
    shown.addEventListener("click", () => {
      window.focus();
      shown.close();
      window.location.assign(card.url);
    });
  }

  let isAsking = false;
  async function claim() {
    if (isAsking || Notification.permission !== "granted" || isLooking()) return;
    isAsking = true;
    try {
      const answer = await fetch(claimUrl, { method: "POST", headers: { "X-CSRFToken": token() } });
      if (answer.ok && !answer.redirected) (await answer.json()).cards.forEach(show);
    } catch {
      // the next change of the panel asks again
    } finally {
      isAsking = false;
    }
  }

  let later = 0;
  const soon = () => {
    clearTimeout(later);
    later = setTimeout(claim, 300);
  };
  new MutationObserver((changes) => {
    const isPanel = (node) => node instanceof Element && (node.id === "needs-you" || node.closest("#needs-you"));
    if (changes.some((change) => isPanel(change.target))) soon();
  }).observe(document.body, { subtree: true, childList: true, attributes: true, attributeFilter: ["data-waiting"] });
  document.addEventListener("visibilitychange", soon);
})();
