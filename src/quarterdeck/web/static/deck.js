// Freshness on the page. Rule: nothing stays green longer than its reading lives, whether or not the hub still answers.
// The markup carries when each thing expires (data-expires, milliseconds since 1970); this file only compares it with the clock.
"use strict";
(() => {
  const all = (selector) => document.querySelectorAll(selector);
  const one = (selector) => document.querySelector(selector);
  const EVERY_MS = 5000;
  const PATIENCE_MS = 10000;

  // --- what grows old by itself ---------------------------------------------------------------------------------------

  // The page speaks the hub's clock: a browser whose clock is off must not age or spare anything.
  let skew = 0;
  const setClock = (html) => { skew = Number(html.dataset.now) - Date.now(); };
  const words = (s) => s < 120 ? `${Math.floor(s)} s` : s < 7200 ? `${Math.floor(s / 60)} min` : s < 172800 ? `${Math.floor(s / 3600)} h` : `${Math.floor(s / 86400)} d`;
  const write = (el, text) => { if (el.textContent !== text) el.textContent = text; };

  const stale = (st) => {
    const word = st.querySelector(".word");
    const reason = st.closest("summary, .line, .side, tr")?.querySelector(".reason");
    if (reason) reason.textContent = `was ${word.textContent}: ${reason.textContent}`;
    st.classList.remove(word.textContent);
    st.classList.add("stale");
    st.querySelector("use").setAttribute("href", "#stale");
    word.textContent = "stale";
    st.dataset.expired = "";
  };
  const old = (el) => {
    el.classList.remove("fresh", "late");
    el.classList.add("old");
    el.append(" (old)");
  };
  const tick = () => {
    const now = Date.now() + skew;
    for (const el of all("[data-expires]")) {
      if (now <= Number(el.dataset.expires)) continue;
      el.removeAttribute("data-expires");
      if (el.classList.contains("st")) stale(el); else old(el);
    }
    for (const el of all("[data-age-of]")) write(el, words(Math.max(0, now - Number(el.dataset.ageOf)) / 1000));
    for (const el of all("[data-when]")) {
      const ahead = (Number(el.dataset.when) - now) / 1000;
      write(el, ahead > 0 ? `in ${words(Math.ceil(ahead))}` : `${words(-ahead)} ago`);
    }
    const gone = new Set([...all(".st[data-expired]")].map((st) => st.dataset.about)).size;
    if (!gone) return;
    write(one("h1"), `What you see is old: ${gone} ${gone === 1 ? "status has" : "statuses have"} expired.`);
    if (!document.title.startsWith("Old")) document.title = `Old · ${document.title}`;
  };
  const here = () => {
    for (const el of all("time[datetime]")) {
      const exact = el.dateTime.slice(0, 19).replace("T", " ");
      el.title = `${exact} UTC, here ${new Date(el.dateTime).toLocaleString([], { timeZoneName: "short" })}`;
    }
  };

  // --- what is new ----------------------------------------------------------------------------------------------------

  // Only what differs is touched: what is selected, focused, opened or scrolled stays as it is.
  const keyOf = (node) => node.id || (node.dataset && node.dataset.of) || "";
  const morph = (was, is) => {
    if (was.isEqualNode(is)) return;
    if (was.nodeType !== Node.ELEMENT_NODE) { was.data = is.data; return; }
    for (const { name } of [...was.attributes]) if (!is.hasAttribute(name) && name !== "open") was.removeAttribute(name);
    for (const { name, value } of is.attributes) if (was.getAttribute(name) !== value) was.setAttribute(name, value);
    const wanted = new Set([...is.childNodes].map(keyOf));
    for (const child of [...was.childNodes]) if (keyOf(child) && !wanted.has(keyOf(child))) child.remove();
    const kept = new Map([...was.childNodes].filter(keyOf).map((child) => [keyOf(child), child]));
    let at = was.firstChild;
    for (const child of [...is.childNodes]) {
      const key = keyOf(child);
      const same = key ? kept.get(key) : at && !keyOf(at) && at.nodeName === child.nodeName ? at : null;
      if (!same) { was.insertBefore(child, at); continue; }
      if (same === at) at = at.nextSibling; else was.insertBefore(same, at);
      morph(same, child);
    }
    while (at) { const next = at.nextSibling; at.remove(); at = next; }
  };

  const live = one(".live");
  const say = (text, lost = false) => { write(live.querySelector(".word"), text); live.classList.toggle("lost", lost); };
  let etag = null, paused = false, asking = false;
  const refresh = async () => {
    if (paused || asking || document.hidden) return;
    asking = true;
    try {
      const headers = etag ? { "Accept": "text/html", "If-None-Match": etag } : { "Accept": "text/html" };
      const answer = await fetch(location.href, { headers, cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) });
      if (paused) return;
      if (answer.status !== 304 && !answer.ok) { say("the hub answers with an error; what you see ages", true); return; }
      if (answer.ok) {
        const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
        etag = answer.headers.get("ETag");
        setClock(fresh.documentElement);
        for (const part of ["main", "header nav", ".known"]) morph(one(part), fresh.querySelector(part));
        document.title = fresh.title;
        here();
        tick();
      }
      say("live");
    } catch {
      say("hub not reached; what you see ages", true);
    } finally {
      asking = false;
    }
  };

  // --- what the operator does -----------------------------------------------------------------------------------------

  const pause = one("#pause");
  pause.addEventListener("click", () => {
    paused = !paused;
    write(pause, paused ? "Resume" : "Pause");
    say(paused ? "paused" : "live");
    if (!paused) refresh();
  });

  // What a browser keeps is a comfort and may be refused; nothing above rests on it.
  const keep = (storage, key, value) => { try { window[storage].setItem(key, value); } catch { /* then it is forgotten */ } };
  const kept = (storage, key) => { try { return window[storage].getItem(key); } catch { return null; } };
  const filter = one(".filter");
  // The arrow keys choose and thereby load: whoever chose by keyboard goes on choosing.
  filter.addEventListener("change", () => {
    keep("sessionStorage", "chose", "instance");
    keep("localStorage", "instance", filter.querySelector(":checked").value);
    filter.requestSubmit();
  });
  if (kept("sessionStorage", "chose")) filter.querySelector(":checked")?.focus();
  keep("sessionStorage", "chose", "");

  setClock(document.documentElement);
  here();
  tick();
  say("live");
  setInterval(tick, 1000);
  setInterval(refresh, EVERY_MS);
  for (const event of ["visibilitychange", "pageshow"]) addEventListener(event, () => { tick(); if (event === "visibilitychange") refresh(); });

  // A visit that names no instance goes on where the one before left off; an address that names one has the word.
  const asked = new URLSearchParams(location.search);
  const before = [...filter.querySelectorAll("input")].find((choice) => choice.value === kept("localStorage", "instance"));
  if (before && !before.checked && !asked.has("instance")) {
    asked.set("instance", before.value);
    location.replace(`${location.pathname}?${asked}${location.hash}`);
  }
})();
