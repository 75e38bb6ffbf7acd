// Since you last looked. Rule: when somebody last looked is known to the browser alone; looking changes nothing anywhere else.
// A visit ends when the page has been out of sight for some minutes. What changed since the one before is asked once a visit.
"use strict";
(() => {
  const AWAY_MS = 5 * 60 * 1000;
  const PATIENCE_MS = 10000;
  const html = document.documentElement;
  const ahead = Number(html.dataset.now) - Date.now();
  const now = () => Date.now() + ahead;
  const box = (storage) => { try { return window[storage]; } catch { return null; } };
  const get = (storage, key) => { try { return box(storage)?.getItem(key) ?? null; } catch { return null; } };
  const set = (storage, key, value) => { try { box(storage)?.setItem(key, value); } catch { /* then it is forgotten */ } };

  const leave = () => set("localStorage", "looked", String(now()));
  const arrive = () => {
    const looked = Number(get("localStorage", "looked"));
    const away = looked > 0 && now() - looked > AWAY_MS;
    if (away) set("sessionStorage", "since", String(looked));
    return away;
  };

  let told = null;
  const fill = () => {
    const line = document.getElementById("since");
    if (!line || !told || line.dataset.told === told.at) return;
    const link = document.createElement("a");
    link.href = told.href;
    link.textContent = told.text;
    line.replaceChildren(link);
    line.dataset.told = told.at;
  };
  const ask = async () => {
    const since = Number(get("sessionStorage", "since"));
    if (!document.getElementById("since") || !since || "past" in html.dataset) return;
    const at = new Date(since);
    const asked = new URLSearchParams({ since: at.toISOString() });
    const instance = new URLSearchParams(location.search).get("instance");
    if (instance) asked.set("instance", instance);
    try {
      const answer = await fetch(`/api/v1/views/changes?${asked}`, { signal: AbortSignal.timeout(PATIENCE_MS) });
      const changes = answer.ok ? (await answer.json()).changes : null;
      if (!changes?.compared) return;
      const when = at.toISOString().slice(now() - since < 86400000 ? 11 : 0, 16).replace("T", " ");
      const count = changes.count === 0 ? "nothing changed" : changes.count === 1 ? "1 change" : `${changes.count} changes`;
      told = { at: String(since), href: `/changes?${asked}`, text: `Since you looked at ${when} UTC: ${count}` };
      fill();
    } catch { /* the links to what changed are there all the same */ }
  };

  arrive();
  ask();
  addEventListener("pagehide", leave);
  document.addEventListener("visibilitychange", () => { if (document.hidden) leave(); else if (arrive()) ask(); });
  setInterval(fill, 2000);
})();
