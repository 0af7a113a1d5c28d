/* Leadroom in the browser: live lanes, keys, focus, toasts, times, theme. No build, no globals of its own.
   How a page uses it: docs/frontend.md. htmx 4 does requests and morphing; this file only tells it when. */
"use strict";
(() => {
  const $ = (selector, root = document) => root.querySelector(selector);
  const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
  const byId = (id) => document.getElementById(id);
  const page = document.documentElement.dataset;
  const visible = (el) => el.checkVisibility({ visibilityProperty: true });
  const topicsOf = (el) => el.dataset.live.split(/\s+/).filter(Boolean);
  let flush = null, tipFor = null, waiting = null, going = 0, skew = 0; // skew: server clock minus ours, in ms, learnt from its pings
  // Nothing in an attribute may ever become code, whatever the page's policy says.
  function refuseCode() { throw new Error("Leadroom does not run code from attributes"); }
  htmx.registerExtension("leadroom", { init: (api) => api.initSecurity(null, refuseCode, refuseCode) });
  /* ── speaking: one polite region, never faster than every 5 s unless the person just acted ── */
  let spokenAt = 0, speech = null;
  function say(text, { now = false, assertive = false } = {}) {
    const region = $(assertive ? "#say-now" : "#say");
    clearTimeout(speech);
    speech = setTimeout(() => {
      spokenAt = Date.now();
      region.textContent = ""; // the same sentence twice is spoken twice
      setTimeout(() => { region.textContent = text; }, 50);
    }, now ? 0 : Math.max(0, spokenAt + 5000 - Date.now()));
  }
  /* ── news lane: a region that is stale fetches itself; one request in flight, one remembered ── */
  const busy = new Set(), stale = new Set(), due = new Set();
  const nameOf = (el) => el.id || el;
  function refresh(el) {
    due.add(el);
    flush ??= setTimeout(() => {
      flush = null;
      const regions = [...due].filter((region) => region.isConnected);
      due.clear();
      regions.forEach((region) => (busy.has(nameOf(region)) ? stale.add(nameOf(region)) : region.dispatchEvent(new CustomEvent("news"))));
    }, 50);
  }
  const refreshTopic = (topic) => $$("[data-live]").filter((el) => topicsOf(el).includes(topic)).forEach(refresh);
  /* ── tail lane: rows of a transcript, in order, exactly once ── */
  const asked = new Map(); // list -> position last asked for, so that one gap asks once
  const lastOf = (list) => Number(list.dataset.after || 0);
  const scroller = (list) => list.closest("[data-tail-scroll]") || list;
  const atEnd = (box) => box.scrollTop + box.clientHeight >= box.scrollHeight - 24;
  function follow(list, on) {
    list.dataset.follow = on ? "on" : "off";
    $$(`[data-follow-toggle="${CSS.escape(list.id)}"]`).forEach((el) => el.setAttribute("aria-pressed", String(on)));
    const box = scroller(list), end = () => { box.dataset.ours = "1"; box.scrollTop = box.scrollHeight; };
    if (on) { end(); requestAnimationFrame(() => list.dataset.follow === "on" && end()); } // rows get their height when drawn
  }
  function watchScroll(list) {
    const box = scroller(list);
    if (box.dataset.watched) return;
    box.dataset.watched = "1";
    let before = box.scrollTop;
    box.addEventListener("scroll", () => {
      const up = box.scrollTop < before - 2 && !atEnd(box); // a box that grows also moves up, and stays at its end
      before = box.scrollTop;
      if (box.dataset.ours) { delete box.dataset.ours; if (!up) return; }
      if (up && list.dataset.follow !== "off") follow(list, false);
      else if (!up && list.dataset.follow === "off" && atEnd(box)) follow(list, true);
    }, { passive: true });
    new ResizeObserver(() => list.dataset.follow === "on" && follow(list, true)).observe(box);
  }
  function appendTail(list, { from, to, html }) {
    const last = lastOf(list);
    if (to <= last) return;
    if (from > last + 1) { // lost lines: ask again from where we are
      if (asked.get(list) !== last) { asked.set(list, last); live.send({ subscribe: [{ topic: list.dataset.tail, after: last }] }); }
      return;
    }
    const draft = Object.assign(document.createElement("template"), { innerHTML: html });
    const fresh = [...draft.content.children].filter((row) => Number(row.dataset.seq) > last);
    for (const row of fresh) {
      const old = byId(row.id);
      if (old && list.contains(old)) { // a row that tells how its call ended takes the place of its beginning
        $$("details[id][open]", old).forEach((open) => { const same = row.querySelector(`#${CSS.escape(open.id)}`); if (same) same.open = true; });
        const held = old.contains(document.activeElement);
        old.replaceWith(row);
        if (held) { row.tabIndex = -1; row.focus({ preventScroll: true }); }
      } else list.append(row);
    }
    list.dataset.after = to; asked.delete(list);
    fresh.forEach((row) => htmx.process(row));
    if (list.dataset.follow !== "off") follow(list, true);
  }
  /* ── the one socket of a page ── */
  const live = {
    socket: null, known: new Map(), tries: 0, openedAt: 0, heardAt: Date.now(), asOf: new Date(), downSince: 0, timer: null,
    wanted() {
      const news = $$("[data-live]").flatMap((el) => topicsOf(el).map((topic) => [topic, null]));
      return new Map([...news, ...$$("[data-tail]").map((el) => [el.dataset.tail, lastOf(el)])]);
    },
    send(message) { if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message)); },
    sync() { // what the DOM shows now is what we are subscribed to
      const wanted = this.wanted();
      const more = [...wanted].filter(([topic, after]) => !this.known.has(topic) || (after !== null && this.known.get(topic) === null));
      const less = [...this.known.keys()].filter((topic) => !wanted.has(topic));
      if (less.length) this.send({ unsubscribe: less.map((topic) => ({ topic })) });
      if (more.length) this.send({ subscribe: more.map(([topic, after]) => (after === null ? { topic } : { topic, after })) });
      this.known = wanted;
      $$("[data-tail]").forEach((list) => { watchScroll(list); if (!list.dataset.follow) follow(list, atEnd(scroller(list)) || !scroller(list).scrollTop); });
      if (wanted.size && !this.socket) this.connect();
    },
    connect() {
      clearTimeout(this.timer);
      if (this.socket && this.socket.readyState < WebSocket.CLOSING) return;
      const socket = (this.socket = new WebSocket(new URL(page.liveUrl, location.href.replace(/^http/, "ws"))));
      socket.onopen = () => {
        this.known = new Map();
        asked.clear();
        this.openedAt = Date.now();
        this.sync();
        this.heard();
        $$("[data-live]").forEach(refresh); // what changed between the page's render, or the last line heard, and this moment
      };
      socket.onmessage = ({ data }) => { if (socket === this.socket) this.receive(JSON.parse(data)); };
      socket.onclose = ({ code }) => {
        if (socket !== this.socket) return;
        this.socket = null;
        this.downSince ||= Date.now();
        if (code === 4401) return toSignIn();
        if (this.openedAt && Date.now() - this.openedAt > 3000) this.tries = 0; // it had held: begin anew
        const delay = code === 4408 && !this.tries ? 0 : Math.min(5000, 250 * 2 ** this.tries) * (0.5 + Math.random() / 2);
        this.tries = Math.min(this.tries + 1, 6);
        this.openedAt = 0;
        this.timer = setTimeout(() => this.connect(), delay);
      };
    },
    renew() { const old = this.socket; this.socket = null; old?.close(); this.wake(); },
    wake() { if (!this.socket && this.known.size) { this.tries = 0; this.connect(); } },
    heard(at) {
      [this.heardAt, this.downSince] = [Date.now(), 0];
      if (at) skew = new Date(at) - Date.now();
      this.asOf = new Date(Date.now() + skew);
      this.banner();
    },
    receive(message) {
      this.heard(message.at);
      (message.news || []).forEach(({ topic }) => refreshTopic(topic));
      for (const tail of [message.tail || []].flat()) $$("[data-tail]").filter((el) => el.dataset.tail === tail.topic).forEach((el) => appendTail(el, tail));
    },
    banner() {
      const banner = $("#live-banner");
      if (!banner || !this.known.size) return;
      const silent = Date.now() - this.heardAt > 12000, closed = this.downSince && Date.now() - this.downSince > 1500;
      if (silent && this.socket?.readyState === WebSocket.OPEN) this.renew(); // half-open: it may never tell
      if (banner.hidden !== Boolean(silent || closed)) return;
      banner.hidden = !banner.hidden;
      $("[data-as-of]", banner).textContent = clockText(this.asOf);
      if (!banner.hidden) say(`Live updates paused, as of ${clockText(this.asOf)}`);
    },
  };
  function toSignIn() { if (page.signIn) location.assign(`${page.signIn}?next=${encodeURIComponent(location.pathname + location.search)}`); }
  addEventListener("online", () => live.wake());
  addEventListener("pageshow", (event) => { if (event.persisted) live.renew(); });
  document.addEventListener("visibilitychange", () => { if (!document.hidden) live.wake(); });
  setInterval(() => live.banner(), 500);
  /* ── times ── */
  const zone = page.zone || undefined;
  const clockText = (date) => date.toLocaleTimeString("en-GB", { timeZone: zone });
  function ageText(seconds) {
    const [size, unit] = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]].find(([size]) => seconds >= size) || [1, "s"];
    return `${Math.max(0, Math.floor(seconds / size))} ${unit}`;
  }
  function tickTimes() {
    $$("time[data-relative]").forEach((el) => {
      const past = (Date.now() + skew - new Date(el.dateTime)) / 1000, words = ageText(Math.abs(past));
      const text = el.dataset.relative === "age" ? words : past < -1 ? `in ${words}` : `${words} ago`;
      if (el.textContent !== text) el.textContent = text;
    });
  }
  setInterval(tickTimes, 10000);
  /* ── title and waiting count ── */
  function showWaiting() {
    const count = Number($("#needs-you")?.dataset.waiting ?? document.body.dataset.waiting ?? 0);
    document.title = (count ? `(${count}) ` : "") + document.title.replace(/^\(\d+\) /, "");
    $$("[data-waiting-count]").forEach((el) => { el.textContent = count; el.closest("[data-waiting-link]").hidden = !count; });
    const badges = new URLSearchParams($("#needs-you")?.dataset.badges); // what waits in each area of the rail: "a=2&p=0"
    $$("[data-badge]").forEach((el) => { const n = badges.get(el.dataset.badge); if (n) [el.firstChild.data, el.hidden] = [n, n === "0"]; });
    if (waiting !== null && count > waiting) say(count === 1 ? "One thing needs you" : `${count} things need you`);
    waiting = count;
  }
  /* ── toasts: {text, kind, undo_url} from an HX-Trigger header ── */
  const life = ({ dataset }) => ("armed" in dataset ? 10000 : dataset.kind === "bad" ? 12000 : 6000);
  const arm = (item) => { item.dataset.timed = ""; setTimeout(() => item.remove(), life(item)); };
  const armAll = () => $$("#toasts > .toast:not([data-timed])").forEach(arm);
  function toast({ text, kind = "", undo_url: undo }) {
    const list = $("#toasts"), item = $("#toast-template").content.firstElementChild.cloneNode(true);
    item.dataset.kind = kind;
    $(".toast-text", item).textContent = text;
    const button = $("[data-undo]", item);
    if (undo) { item.dataset.armed = ""; button.dataset.undo = undo; } else button.remove();
    list.append(item);
    while (list.children.length > 4) list.firstElementChild.remove();
    arm(item);
    say(undo ? `${text}. Press z to undo.` : text, { now: true, assertive: kind === "bad" });
  }
  function undo(button) {
    button.disabled = true;
    htmx.ajax("POST", button.dataset.undo, { source: button, target: button, swap: "none" }).then(() => button.closest(".toast")?.remove());
  }
  document.addEventListener("toast", (event) => toast(event.detail));
  /* ── refusals: a disabled button says why, on hover, on focus, and when pressed ── */
  const tip = $("#tip");
  function showTip(el) {
    tipFor = el;
    tip.textContent = el.dataset.reason || el.dataset.tip;
    tip.hidden = false;
    el.setAttribute("aria-describedby", "tip");
    const at = el.getBoundingClientRect(), box = tip.getBoundingClientRect();
    tip.style.left = `${Math.max(8, Math.min(at.left + at.width / 2 - box.width / 2, innerWidth - box.width - 8))}px`;
    tip.style.top = `${at.top - box.height > 4 ? at.top - box.height : at.bottom}px`;
  }
  function hideTip() { if (tipFor) { tipFor.removeAttribute("aria-describedby"); tipFor = null; tip.hidden = true; } }
  const refused = (el) => el?.getAttribute("aria-disabled") === "true";
  const tipped = (event) => event.target.closest?.("[data-reason], [data-tip]");
  document.addEventListener("mouseover", (event) => {
    const el = tipped(event);
    if (el !== tipFor && event.target !== tip) { hideTip(); if (el) showTip(el); }
  });
  document.addEventListener("focusin", (event) => { hideTip(); if (tipped(event)?.matches(":focus-visible")) showTip(tipped(event)); });
  addEventListener("scroll", hideTip, { passive: true, capture: true });
  function refuse(el) { showTip(el); say(el.dataset.reason || "Not possible now", { now: true }); }
  document.addEventListener("click", (event) => {
    const el = event.target.closest?.('[aria-disabled="true"]');
    if (!el) return;
    event.preventDefault();
    event.stopImmediatePropagation(); // before htmx or a form hears of it
    refuse(el);
  }, true);
  /* ── focus: after a verdict to the next row, otherwise never moved by a swap ── */
  const rowOf = (el) => el?.closest?.("[data-row]");
  const scopeOf = (row) => row?.closest("[data-rows], main, aside") || $("main");
  const rowsIn = (scope) => $$("[data-row]", scope).filter(visible);
  let verdict = null, lost = null;
  function focusRow(row) {
    if (row && !row.matches("a, button, input, [tabindex]")) row.tabIndex = -1;
    row?.focus({ preventScroll: true });
    row?.scrollIntoView({ block: "nearest" });
  }
  function place(row, rows = rowsIn(scopeOf(row)), at = rows.indexOf(row)) {
    return { id: row.id, scope: scopeOf(row).id, state: row.dataset.state, at, next: rows.slice(at + 1).map((el) => el.id) };
  }
  function noteVerdict(el, row = rowOf(el)) { verdict = row?.id && el.closest("form, [hx-post]") ? { ...place(row), until: Date.now() + 4000 } : null; }
  function nextRow({ scope, next, at }) {
    const rows = rowsIn(byId(scope) || $("main"));
    return next.map((id) => byId(id)).find((el) => el && visible(el)) || rows[Math.min(at, rows.length - 1)];
  }
  function settleFocus() {
    const active = document.activeElement, free = !active || active === document.body;
    if (verdict && Date.now() < verdict.until) {
      const row = byId(verdict.id);
      if ((!row || row.dataset.state !== verdict.state) && (free || rowOf(active) === row)) { const to = nextRow(verdict); verdict = null; focusRow(to); }
    } else if (free && lost) { // the focused thing was replaced: its row again, or the one that took its place
      const same = lost.focus && byId(lost.focus);
      if (same) same.focus({ preventScroll: true }); else focusRow(byId(lost.id) || nextRow(lost));
    }
    lost = null;
  }
  document.addEventListener("click", (event) => { const el = event.target.closest?.("button, [hx-post]"); if (el) noteVerdict(el); }, true);
  /* ── keys ── */
  const press = tinykeys.matchKeyBindingPress, parse = (text) => tinykeys.parseKeybinding(text)[0];
  const typing = (el) => el?.matches?.("input:not([type=checkbox],[type=radio],[type=button],[type=submit]), textarea, select, [contenteditable=true]");
  const keysOn = () => localStorage.getItem("leadroom.keys") !== "off";
  const dialogOpen = () => $("dialog[open]");
  function move(step) {
    const row = rowOf(document.activeElement), first = rowsIn($("main"));
    const rows = row ? rowsIn(scopeOf(row)) : first.length ? first : rowsIn(document);
    focusRow(row ? rows[rows.indexOf(row) + step] : step > 0 ? rows[0] : rows.at(-1));
  }
  const pressed = (event, root, skipRows) => $$("[data-key]", root).find(
    (el) => press(event, parse(el.dataset.key)) && visible(el) && !el.disabled && !(skipRows && rowOf(el)));
  const act = (el) => (refused(el) ? refuse(el) : typing(el) ? el.focus() : el.click());
  function pageKey(event) {
    const box = dialogOpen(), row = !box && rowOf(document.activeElement);
    const el = box ? pressed(event, box) : (row && pressed(event, row)) || pressed(event, $("main"), true) || pressed(event, document, true);
    if (el) { event.preventDefault(); act(el); return true; }
    const first = !row && !box && rowsIn($("main")).find((candidate) => pressed(event, candidate));
    if (!first) return false;
    event.preventDefault();
    focusRow(first); // never act on what was not looked at
    say("Press again to act on this one", { now: true });
    return true;
  }
  function open({ target: row }) {
    if (row.matches("[data-row]")) row.dataset.href ? location.assign(row.dataset.href) : $("a[href]", row)?.click();
  }
  function back() {
    const active = document.activeElement;
    if (typing(active)) { active.blur(); focusRow(rowOf(active)); } else if (tipFor) hideTip(); else $("[data-back]")?.click();
  }
  const commands = [
    ["j", "Next row", () => move(1)], ["k", "Previous row", () => move(-1)], ["Enter", "Open the row", open],
    ["Escape", "Leave a field, or back", back], ["/", "Search", () => act($$("[data-search]").find(visible) || document.body)],
    ["?", "This list", () => listKeys()], ["z", "Undo", () => { const last = $$("[data-undo]").filter((el) => !el.disabled).at(-1); if (last) undo(last); }],
  ].map(([key, label, run]) => ({ key, label, run, parsed: [parse(key), parse(`Shift+${key}`)] }));
  document.addEventListener("keydown", (event) => {
    if (event.isComposing || event.defaultPrevented) return;
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) return send(event);
    if (event.key === "Escape" && !dialogOpen()) return back();
    if (!keysOn() || typing(event.target) || event.ctrlKey || event.metaKey || event.altKey) return;
    if (going && Date.now() - going < 1500) { // the letter after g goes; it is never also a verdict
      going = 0;
      const to = $$("[data-go]").find((el) => el.dataset.go === event.key);
      if (to) { event.preventDefault(); to.click(); }
      return;
    }
    if (event.key === "g" && !dialogOpen()) { going = Date.now(); return; }
    if (event.repeat && !"jk".includes(event.key)) return;
    if (event.key !== "Enter" && pageKey(event)) return;
    if (dialogOpen()) return;
    const command = commands.find(({ key, parsed }) => press(event, parsed[0]) || (key === "?" && press(event, parsed[1])));
    if (command && command.key !== "Enter") event.preventDefault();
    command?.run(event);
  });
  function send(event) {
    const form = event.target.closest?.("form"), button = form && $$("button:not([type=button])", form).find((el) => !el.disabled);
    if (!form) return;
    event.preventDefault();
    if (refused(button)) return refuse(button);
    if (button) noteVerdict(button);
    form.requestSubmit(button);
  }
  const words = (el) => [...el.childNodes].filter((node) => node.nodeName !== "KBD").map((node) => node.textContent).join(" ");
  const keyLabel = (el) => el.dataset.keyLabel || el.getAttribute("aria-label") || words(el).replace(/\s+/g, " ").trim().slice(0, 60);
  function listKeys() {
    const dialog = $("#keys"), list = $("[data-key-list]", dialog), seen = new Set();
    const rows = [...commands.map(({ key, label }) => [key, label]), ["Ctrl+Enter", "Send the form"],
      ...$$("[data-go]").map((el) => [`g ${el.dataset.go}`, keyLabel(el)]),
      ...$$("[data-key]").filter((el) => visible(el) && !dialog.contains(el)).map((el) => [el.dataset.key, keyLabel(el)])];
    list.replaceChildren(...rows.filter(([key, label]) => label && !seen.has(key) && seen.add(key)).map(([key, label]) => {
      const row = document.createElement("li"), keys = row.appendChild(Object.assign(document.createElement("span"), { className: "keys" }));
      key.split(" ").forEach((part) => { keys.append(Object.assign(document.createElement("kbd"), { textContent: part }), " "); });
      row.append(label);
      return row;
    }));
    $("[data-keys-switch]", dialog).checked = keysOn();
    dialog.showModal();
  }
  /* ── clicks the page itself answers ── */
  const clicks = {
    undo, themeToggle: setTheme,
    dismiss: (el) => el.closest(".toast").remove(),
    opens: (el) => (el.dataset.opens === "keys" ? listKeys() : byId(el.dataset.opens)?.showModal()),
    closes: (el) => el.closest("dialog").close(),
    followToggle: (el) => { const list = byId(el.dataset.followToggle); follow(list, list.dataset.follow === "off"); },
    wrapToggle: (el) => el.setAttribute("aria-pressed", String(byId(el.dataset.wrapToggle).classList.toggle("is-wrapped"))),
    jumps(el) { // to the next row of a kind after the focused one, then from the top again
      const list = byId(el.dataset.jumps), at = document.activeElement.closest(`#${list.id} > *`), rows = $$(el.dataset.jumpsTo, list);
      const next = rows.find((row) => at?.compareDocumentPosition(row) === Node.DOCUMENT_POSITION_FOLLOWING) || rows[0];
      if (next) { follow(list, false); focusRow(next); } else say("There is none", { now: true }); },
    copy: (el) => navigator.clipboard.writeText(el.dataset.copy).then(() => toast({ text: "Copied" })),
  };
  document.addEventListener("click", ({ target }) => {
    const el = target.closest?.("button, a");
    const name = el && Object.keys(clicks).find((key) => key in el.dataset);
    if (name) return clicks[name](el);
    const to = el?.getAttribute("href")?.startsWith("#") && byId(el.hash.slice(1)); // a list: its first row; else the place itself
    if (to) requestAnimationFrame(() => focusRow((!to.matches("main") && $("[data-row]", to)) || to));
  });
  document.addEventListener("input", ({ target }) => $$("[data-counts]").forEach((el) => { if (el.dataset.counts === target.id) el.textContent = [...target.value].length; }));
  document.addEventListener("change", (event) => { if (event.target.matches("[data-keys-switch]")) localStorage.setItem("leadroom.keys", event.target.checked ? "on" : "off"); });
  function setTheme() {
    page.theme = { auto: "light", light: "dark", dark: "auto" }[page.theme] || "light";
    document.cookie = `leadroom_theme=${page.theme}; path=/; max-age=31536000; samesite=lax`;
    const text = `Theme: ${page.theme === "auto" ? "as the system" : page.theme}`;
    $$("[data-theme-toggle]").forEach((el) => { el.dataset.tip = text; });
    say(text, { now: true });
  }
  /* ── htmx: keep news apart from what a person asked for, and the page in step after a swap ── */
  const isNews = (ctx) => ctx.sourceEvent?.type === "news";
  const complain = (ctx, text) => isNews(ctx) || toast({ text, kind: "bad" });
  document.addEventListener("htmx:before:request", ({ detail: { ctx } }) => busy.add(nameOf(ctx.sourceElement)));
  document.addEventListener("htmx:finally:request", ({ detail: { ctx } }) => {
    const name = nameOf(ctx.sourceElement), el = typeof name === "string" ? byId(name) : name;
    busy.delete(name);
    if (stale.delete(name) && el) refresh(el);
  });
  document.addEventListener("htmx:before:swap", (event) => {
    const { ctx } = event.detail, { raw, status } = ctx.response || {};
    if (status === 401 || (raw?.redirected && page.signIn && new URL(raw.url).pathname === page.signIn)) { event.preventDefault(); return toSignIn(); }
    if (status >= 500 || (status >= 400 && isNews(ctx))) event.preventDefault(); // keep what is shown
    const active = document.activeElement, row = rowOf(active);
    lost = row?.id ? { ...place(row), focus: active !== row && active.id } : null;
  });
  document.addEventListener("htmx:response:error", ({ detail: { ctx } }) => {
    const { status } = ctx.response;
    if (ctx.hx?.trigger || status === 401) return; // the answer speaks for itself
    if (status >= 500) complain(ctx, `Leadroom could not do this (error ${status}). What you see was kept; try again.`);
    else if (ctx.swap === "none") complain(ctx, `Leadroom refused this (${status}). Nothing was changed; reload to see why.`);
  });
  document.addEventListener("htmx:error", ({ detail: { ctx } }) => {
    if (ctx && !ctx.response) complain(ctx, "No answer from Leadroom. Nothing is lost on this page; try again in a moment.");
  });
  document.addEventListener("htmx:after:swap", () => [armAll, () => live.sync(), tickTimes, hideTip, settleFocus].forEach((step) => step()));
  document.addEventListener("htmx:finally:swap", () => setTimeout(showWaiting)); // htmx sets the title last
  const showTab = (tab) => { tab.parentElement.scrollLeft = tab.offsetLeft - tab.parentElement.offsetLeft - 48; }; // on a phone
  [armAll, showWaiting, () => $$(".tabs [aria-current]").forEach(showTab), () => live.sync()].forEach((step) => step());
})();
