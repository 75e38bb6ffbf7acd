// Freshness on the page. Rule: nothing stays green longer than its reading lives, whether or not the hub still answers.
// The markup carries when each thing expires (data-expires, milliseconds since 1970); this file only compares it with the clock.
"use strict";
(() => {
  document.documentElement.classList.add("scripted");
  const filter = document.querySelector("form.filter");
  if (filter) filter.addEventListener("change", () => filter.requestSubmit());

  const words = (s) => s < 120 ? `${Math.floor(s)} s` : s < 7200 ? `${Math.floor(s / 60)} min` : s < 172800 ? `${Math.floor(s / 3600)} h` : `${Math.floor(s / 86400)} d`;
  // The page speaks the hub's clock: a browser whose clock is off must not age or spare anything.
  const skew = Number(document.documentElement.dataset.now) - Date.now();

  const stale = (st) => {
    st.classList.remove("ok", "degraded", "down", "unknown");
    st.classList.add("stale");
    st.querySelector("use").setAttribute("href", "#stale");
    st.querySelector(".word").textContent = "stale";
    st.removeAttribute("data-expires");
  };
  const old = (el) => {
    el.classList.remove("fresh", "late");
    el.classList.add("old");
    el.append(" (old)");
    el.removeAttribute("data-expires");
  };
  const tick = () => {
    const now = Date.now() + skew;
    for (const el of document.querySelectorAll("[data-expires]")) {
      if (now <= Number(el.dataset.expires)) continue;
      if (el.classList.contains("st")) stale(el); else old(el);
    }
    for (const el of document.querySelectorAll("[data-age-of]")) el.textContent = words(Math.max(0, (now - Number(el.dataset.ageOf)) / 1000));
    const head = document.querySelector("[data-headline]");
    const gone = document.querySelectorAll(".st.stale").length;
    if (head && gone > Number(head.dataset.headline)) head.textContent = `What you see is old: ${gone} ${gone === 1 ? "status has" : "statuses have"} expired.`;
  };

  // A newer page is fetched whole; only when the hub answers with something new is anything on screen replaced.
  let etag = null, paused = false;
  const live = document.querySelector(".live");
  const say = (text, lost) => { live.querySelector(".word").textContent = text; live.classList.toggle("lost", lost); };
  const refresh = async () => {
    if (paused || document.hidden) return;
    try {
      const answer = await fetch(location.href, { headers: etag ? { "If-None-Match": etag } : {}, cache: "no-store" });
      if (answer.status === 304) return say("live", false);
      if (!answer.ok) return say("hub answers with an error", true);
      etag = answer.headers.get("ETag");
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      const open = new Set([...document.querySelectorAll("details[open]")].map((d) => d.dataset.of));
      const focus = document.activeElement && document.activeElement.id;
      for (const part of ["main", "nav"]) document.querySelector(part).replaceWith(fresh.querySelector(part));
      document.querySelector(".known").replaceWith(fresh.querySelector(".known"));
      document.title = fresh.title;
      for (const d of document.querySelectorAll("details")) d.open = open.has(d.dataset.of);
      if (focus && document.getElementById(focus)) document.getElementById(focus).focus({ preventScroll: true });
      say("live", false);
      tick();
    } catch { say("hub not reached; what you see ages", true); }
  };
  const button = document.createElement("button");
  button.type = "button"; button.textContent = "Pause";
  button.addEventListener("click", () => { paused = !paused; button.textContent = paused ? "Resume" : "Pause"; say(paused ? "paused" : "live", false); });
  live.append(button);
  tick();
  setInterval(tick, 1000);
  setInterval(refresh, 5000);
})();
