// Freshness on the page. Rule: nothing stays green longer than its reading lives, whether or not the hub still answers.
// The markup carries when each thing expires (data-expires, milliseconds since 1970); this file only compares it with the clock.
"use strict";
(() => {
  const all = (selector) => document.querySelectorAll(selector);
  const one = (selector) => document.querySelector(selector);
  const html = document.documentElement;
  const past = "past" in html.dataset;
  const SILENCE_MS = 25000;

  // --- what grows old by itself ---------------------------------------------------------------------------------------

  // The page speaks the hub's clock: a browser whose clock is off must not age or spare anything.
  let skew = 0;
  const setClock = (now) => { skew = now - Date.now(); };
  const words = (s) => s < 120 ? `${Math.floor(s)} s` : s < 7200 ? `${Math.floor(s / 60)} min` : s < 172800 ? `${Math.floor(s / 3600)} h` : `${Math.floor(s / 86400)} d`;
  const ago = (s) => s < 2 ? "just now" : `${words(s)} ago`;
  const write = (el, text) => { if (el.textContent !== text) el.textContent = text; };

  const stale = (st) => {
    const word = st.querySelector(".word");
    const reason = st.closest("summary, .line, .side, tr")?.querySelector(".reason");
    if (reason) reason.textContent = `was ${word.textContent}: ${reason.textContent}`;
    st.classList.remove(word.textContent);
    st.classList.add("stale");
    st.querySelector("use").setAttribute("href", "#stale");
    word.textContent = "stale";
  };
  const old = (el) => {
    el.classList.remove("fresh", "late");
    el.classList.add("old");
    el.append(" (old)");
  };
  let said = null;
  const headline = (gone) => {
    const h1 = one("h1"), text = `What you see is old: ${gone} ${gone === 1 ? "status has" : "statuses have"} expired.`;
    if (gone) {
      if (!document.title.startsWith("Old")) {
        said = { h1: h1.textContent, title: document.title };
        document.title = `Old · ${document.title}`;
      }
      write(h1, text);
    } else if (said) {
      if (h1.textContent.startsWith("What you see is old")) h1.textContent = said.h1;
      if (document.title.startsWith("Old")) document.title = said.title;
      said = null;
    }
  };
  const tick = () => {
    if (past) return;
    const now = Date.now() + skew;
    for (const el of all("[data-expires]")) {
      if (now <= Number(el.dataset.expires)) continue;
      el.dataset.expired = el.dataset.expires;
      el.removeAttribute("data-expires");
      if (el.classList.contains("st")) stale(el); else old(el);
    }
    for (const el of all("[data-age-of]")) write(el, words(Math.max(0, now - Number(el.dataset.ageOf)) / 1000));
    for (const el of all("[data-when]")) {
      const ahead = (Number(el.dataset.when) - now) / 1000;
      write(el, ahead > 0 ? `in ${words(Math.ceil(ahead))}` : `${words(-ahead)} ago`);
    }
    headline(new Set([...all(".st[data-expired]")].map((st) => st.dataset.about)).size);
  };
  const here = () => {
    for (const el of all("time[datetime]")) {
      const exact = el.dateTime.slice(0, 19).replace("T", " ");
      el.title = `${exact} UTC, here ${new Date(el.dateTime).toLocaleString([], { timeZoneName: "short" })}`;
    }
  };
  // The age in a source is written when somebody looks at it.
  const seen = ({ target }) => {
    const el = target.closest?.("[data-seen]");
    if (el) el.title = el.title.replace(/, (\d+ \w+ ago|just now)$/, `, ${ago((Date.now() + skew - Number(el.dataset.seen)) / 1000)}`);
  };
  for (const event of ["pointerover", "focusin"]) document.addEventListener(event, seen);

  // --- what is new ----------------------------------------------------------------------------------------------------

  const pause = one("#pause");
  const say = (text, lost = false) => { write(one(".live .word"), text); one(".live").classList.toggle("lost", lost); };
  const LOST = "hub not reached; what you see ages", FAILING = "the hub answers with an error; what you see ages";
  let state = html.dataset.state, connection = null, paused = false, heard = Date.now(), failures = 0, again = 0;

  // A reading that was made anew and says the same: only how long it lives is told, old to new.
  const renew = (moments) => {
    for (const [name, map] of Object.entries(moments)) {
      for (const el of all(`[data-${name}]`)) {
        const now = map[el.getAttribute(`data-${name}`)];
        if (now) el.setAttribute(`data-${name}`, now);
      }
      if (name !== "now") continue;
      for (const el of all("time[data-now]")) {
        el.dateTime = new Date(Number(el.dataset.now)).toISOString();
        write(el, el.dateTime.slice(11, 19));
      }
    }
    const expired = moments.expires ?? {};
    return ![...all("[data-expired]")].some((el) => el.dataset.expired in expired);
  };
  const begin = () => {
    const stream = document.createElement("div");
    stream.hidden = true;
    stream.setAttribute("hx-sse:connect", `/live${location.pathname}${location.search}`);
    stream.setAttribute("hx-trigger", "connect");
    document.body.append(stream);
    htmx.process(stream);
    const connect = () => {
      clearTimeout(again);
      if (connection || paused) return;
      heard = Date.now();
      stream.setAttribute("hx-headers", JSON.stringify(state ? { "Last-Event-ID": state } : {}));
      htmx.trigger(stream, "connect");
    };
    const later = () => { clearTimeout(again); again = setTimeout(connect, Math.min(8000, 500 * 2 ** failures++)); };
    // From nothing: the whole page comes anew.
    const afresh = () => { state = ""; connection.lastEventId = ""; connection.abortController.abort(); };
    const on = (name, act) => stream.addEventListener(name, act);
    on("htmx:sse:before:connection", ({ detail }) => { detail.connection.cancelled = paused; });
    on("htmx:sse:after:connection", ({ detail }) => { connection = detail.connection; failures = 0; heard = Date.now(); say("live"); });
    on("htmx:sse:error", ({ detail }) => { if (!paused) say(detail.status ? FAILING : LOST, true); });
    on("htmx:error", () => { if (!paused) say(LOST, true); later(); });
    on("htmx:response:error", () => { if (!paused) say(FAILING, true); later(); });
    on("htmx:sse:close", () => { connection = null; if (!paused) later(); });
    on("htmx:sse:before:message", (event) => {
      const { message } = event.detail;
      heard = Date.now();
      if (message.event === "beat") { setClock(Number(message.data)); return; }
      const moments = /^<!--(\{.*?\})-->/.exec(message.data);
      if (moments && !renew(JSON.parse(moments[1]))) { event.detail.cancelled = true; afresh(); }
    });
    on("htmx:sse:after:message", ({ detail }) => { if (detail.message.id) state = detail.message.id; here(); tick(); });
    pause.addEventListener("click", () => {
      paused = !paused;
      write(pause, paused ? "Resume" : "Pause");
      say(paused ? "paused" : "live");
      if (paused) connection?.abortController.abort(); else connect();
    });
    setInterval(() => {
      if (!connection || paused || document.hidden || Date.now() - heard < SILENCE_MS) return;
      say(LOST, true);
      heard = Date.now();
      connection.abortController.abort();
    }, 1000);
    addEventListener("online", () => { failures = 0; connect(); });
    addEventListener("visibilitychange", () => { heard = Date.now(); });
    connect();
  };

  // --- what the operator does -----------------------------------------------------------------------------------------

  // What a browser keeps is a comfort and may be refused; nothing above rests on it.
  const keep = (storage, key, value) => { try { window[storage].setItem(key, value); } catch { /* then it is forgotten */ } };
  const kept = (storage, key) => { try { return window[storage].getItem(key); } catch { return null; } };
  const filter = one(".filter");
  const choices = [...filter.querySelectorAll("[type=radio], option")];
  const chosen = () => filter.querySelector(":checked:not(option), [type=search]");
  // The arrow keys choose and thereby load: whoever chose by keyboard goes on choosing.
  filter.addEventListener("change", () => {
    if (!choices.some((choice) => choice.value === chosen().value)) return;
    keep("sessionStorage", "chose", "instance");
    keep("localStorage", "instance", chosen().value);
    filter.requestSubmit();
  });

  // Single keys can be switched off for good, and are never taken from somebody who writes.
  const shortcuts = () => kept("localStorage", "keys") !== "off";
  const KEYS = [["/", "search or filter"], ["j", "next row"], ["k", "row before"], ["o", "open or close the row"], ["Esc", "close what is open"], ["?", "these keys"]];
  let dialog = null, leading = 0;
  const help = () => {
    if (!dialog) {
      dialog = document.createElement("dialog");
      dialog.setAttribute("aria-labelledby", "keys");
      dialog.innerHTML = `<h2 id="keys">Keys</h2><dl></dl><label><input type="checkbox"> single keys do this</label><form method="dialog"><button>Close</button></form>`;
      const pages = [...all("#views a[data-key]")].map((a) => [`g ${a.dataset.key}`, a.firstChild.data.trim()]);
      for (const [key, what] of [...pages, ...KEYS]) {
        const dt = document.createElement("dt"), dd = document.createElement("dd"), kbd = document.createElement("kbd");
        kbd.textContent = key;
        dd.textContent = what;
        dt.append(kbd);
        dialog.querySelector("dl").append(dt, dd);
      }
      const box = dialog.querySelector("input");
      box.checked = shortcuts();
      box.addEventListener("change", () => keep("localStorage", "keys", box.checked ? "on" : "off"));
      document.body.append(dialog);
    }
    dialog.showModal();
  };
  const stops = () => [...all("main .rows summary, main tbody tr[id] th a, main .card .to")].filter((el) => el.checkVisibility());
  const move = (by) => {
    const rows = stops(), at = rows.findIndex((el) => el === document.activeElement || el.closest("li, tr")?.contains(document.activeElement));
    const next = rows[at < 0 ? (by > 0 ? 0 : rows.length - 1) : Math.min(rows.length - 1, Math.max(0, at + by))];
    next?.focus();
    next?.scrollIntoView({ block: "nearest" });
  };
  const search = () => {
    const field = one("main [type=search]") ?? one(".filter [type=search]") ?? one(".filter :checked");
    field?.focus();
    field?.select?.();
  };
  const leave = () => {
    const row = document.activeElement?.closest?.("details[open]") ?? one("main details[open]");
    if (one(".opened .close")) one(".opened .close").click();
    else if (row) { row.open = false; row.querySelector("summary").focus(); }
  };
  const open = () => document.activeElement?.closest?.("main :is(summary, th a, .card .to)")?.click();
  const ACTS = { "/": search, j: () => move(1), k: () => move(-1), o: open, Escape: leave, "?": help };
  document.addEventListener("keydown", (event) => {
    const writing = event.target.closest?.("input:not([type=radio], [type=checkbox]), textarea, select, [contenteditable]");
    if (event.key === "Escape" && writing) { event.target.blur(); return; }
    if (event.ctrlKey || event.metaKey || event.altKey || writing || dialog?.open || !shortcuts()) return;
    const place = Date.now() - leading < 1500 ? one(`#views a[data-key="${CSS.escape(event.key)}"]`) : null;
    leading = event.key === "g" && !place ? Date.now() : 0;
    const act = place ? () => place.click() : Object.hasOwn(ACTS, event.key) ? ACTS[event.key] : null;
    if (!act) return;
    event.preventDefault();
    act();
  });
  one("#help")?.addEventListener("click", help);

  setClock(Number(html.dataset.now));
  here();
  tick();
  if (pause) {
    say("live");
    if (window.htmx) begin(); else { say("not live; reload to see what is new"); pause.hidden = true; }
  }
  setInterval(tick, 1000);
  for (const event of ["visibilitychange", "pageshow"]) addEventListener(event, tick);
  if (kept("sessionStorage", "chose")) chosen()?.focus();
  keep("sessionStorage", "chose", "");

  // Commands can be copied by a button. Where the browser does not let us, they are marked, ready to be copied by hand.
  document.addEventListener("click", async (event) => {
    const button = event.target.closest(".copy");
    if (!button) return;
    const code = button.previousElementSibling;
    try {
      await navigator.clipboard.writeText(code.textContent);
      write(button, "Copied");
      setTimeout(() => write(button, "Copy"), 2000);
    } catch {
      getSelection().selectAllChildren(code);
    }
  });

  // A visit that names no instance goes on where the one before left off; an address that names one has the word.
  const asked = new URLSearchParams(location.search);
  const before = choices.find((choice) => choice.value === kept("localStorage", "instance"));
  if (before && before.value !== chosen()?.value && !asked.has("instance")) {
    asked.set("instance", before.value);
    location.replace(`${location.pathname}?${asked}${location.hash}`);
  }
})();
