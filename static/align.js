/* The alignment page: what a decision takes of the lead's hands, the time left to undo, steps through a round.
   Everything works without it; it only counts, ticks and moves the focus. */
"use strict";
(() => {
  const typing = (el) => el?.matches?.("textarea, select, input:not([type=radio], [type=checkbox], [type=button], [type=submit])");
  const byId = (id) => document.getElementById(id);

  /* ── key presses and clicks since the last decision; of words that are typed only the first press counts ── */
  let presses = 0, words = null;
  document.addEventListener("keydown", (event) => {
    if (event.repeat || ["Shift", "Control", "Alt", "Meta"].includes(event.key)) return;
    const inWords = typing(event.target) && !(event.key === "Enter" && (event.ctrlKey || event.metaKey)) && event.key !== "Escape";
    if (inWords && words === event.target) return;
    words = inWords ? event.target : null;
    presses += 1;
  }, true);
  document.addEventListener("pointerdown", (event) => { if (event.target.closest?.("#content, #toasts")) presses += 1; }, true);
  const isOurs = (ctx) => ctx.request?.method === "POST" && ctx.request.body instanceof FormData && /\/align\//.test(ctx.request.action);
  document.addEventListener("htmx:config:request", ({ detail: { ctx } }) => {
    if (!isOurs(ctx)) return;
    if (/\/(undo|reopen)\//.test(ctx.request.action)) undoneAt = Date.now();
    ctx.request.body.set("keys", String(Math.min(presses, 999)));
    ctx.keysTold = presses;
  });
  document.addEventListener("htmx:after:request", ({ detail: { ctx } }) => {
    if (ctx.keysTold && ctx.response?.status < 400) presses = Math.max(0, presses - ctx.keysTold); // a refused act is not over
  });

  /* ── a decision goes on to the next row at once; the server's answer wins, a refusal comes back ── */
  const rowOf = (el) => el?.closest?.("[data-row]");
  const focus = (row) => { row?.focus({ preventScroll: true }); row?.scrollIntoView({ block: "nearest" }); };
  let lastRow = "";
  document.addEventListener("focusin", ({ target }) => { lastRow = rowOf(target)?.id || lastRow; });
  document.addEventListener("htmx:before:request", ({ detail: { ctx } }) => {
    const form = ctx.sourceElement, row = form?.matches?.("form") && rowOf(form);
    if (!row || form.closest(".comment") || !["OPEN", "LEFT"].includes(row.dataset.state)) return;
    row.dataset.pending = "";
    ctx.rowPending = row.id;
    if (rowOf(document.activeElement) !== row) return; // decided by mouse elsewhere: the focus is not ours to move
    const rows = [...row.closest("[data-rows]").querySelectorAll("[data-row]:not([data-pending])")];
    focus(rows.find((el) => row.compareDocumentPosition(el) & Node.DOCUMENT_POSITION_FOLLOWING));
  });
  document.addEventListener("htmx:finally:request", ({ detail: { ctx } }) => {
    const row = ctx.rowPending && !(ctx.response?.status < 400) && byId(ctx.rowPending);
    if (!row) return;
    delete row.dataset.pending;
    if (!typing(document.activeElement)) focus(row.querySelector("textarea:not(:placeholder-shown)") || row);
  });
  const openIds = () => [...document.querySelectorAll('[data-row][data-state="OPEN"]')].map((row) => row.id);
  let known = openIds(), undoneAt = 0;
  document.addEventListener("htmx:after:swap", () => {
    const before = known, active = document.activeElement;
    known = openIds();
    const back = Date.now() - undoneAt < 4000 && known.find((id) => !before.includes(id));
    if (back && !typing(active)) { undoneAt = 0; focus(byId(back)); } // what was taken back is decided next
    else if (active === document.body && byId(lastRow)?.checkVisibility()) focus(byId(lastRow)); // its field is gone, the row is not
  });

  /* ── the time left to undo, counted from the server's number when that last decision is first seen ── */
  let shown = null, deadline = 0, asked = false;
  function tick() {
    const bar = document.querySelector("[data-countdown]");
    if (!bar) return;
    if (shown !== bar.dataset.since) [shown, deadline, asked] = [bar.dataset.since, Date.now() + Number(bar.dataset.countdown) * 1000, false];
    const left = Math.max(0, Math.ceil((deadline - Date.now()) / 1000));
    const text = left ? `in ${left} s` : "now", at = bar.querySelector("[data-countdown-words]");
    if (at && at.textContent !== text) at.textContent = text;
    if (!left && Date.now() > deadline + 2000 && !asked) { // news brings the hand-over; this is for a page without a socket
      asked = true;
      bar.closest("[data-live]")?.dispatchEvent(new CustomEvent("news"));
    }
  }
  document.addEventListener("htmx:after:swap", tick);
  setInterval(tick, 500);
  tick();

  /* ── Enter hands over at once, when nothing else is meant by it ── */
  document.addEventListener("keydown", (event) => {
    const free = event.target === document.body || event.target.matches?.("main, [data-row]:not([data-href])");
    const button = document.querySelector(".armed form button:not([aria-disabled])");
    if (event.key !== "Enter" || event.ctrlKey || event.metaKey || event.repeat || !free || !button) return;
    if (localStorage.getItem("leadroom.keys") === "off" || document.querySelector("dialog[open]")) return;
    event.preventDefault();
    button.click();
  });

  /* ── a round: a tick by key goes on to the next question, words tick “own answer”, a comment opens at its field ── */
  document.addEventListener("change", ({ target }) => {
    const row = target.matches("[data-steps]") && target.closest("[data-row]");
    if (!row || document.activeElement !== row) return; // by mouse, or within the radios, the focus is where the person put it
    if (row.nextElementSibling?.matches("[data-row]")) focus(row.nextElementSibling);
  });
  document.addEventListener("input", ({ target }) => {
    const radio = target.dataset?.ticks && byId(target.dataset.ticks);
    if (radio) radio.checked = Boolean(target.value.trim()) || radio.checked;
  });
  document.addEventListener("toggle", ({ target }) => {
    if (target.matches?.("details[data-focuses]") && target.open) target.querySelector("textarea")?.focus();
  }, true);
})();
