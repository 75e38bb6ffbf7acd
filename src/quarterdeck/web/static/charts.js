// Charts that answer: what stands under the pointer, or under the arrow keys, is told in words.
// Rule: a chart is its table. Everything drawn and everything said here is read from the table below it, which is whole
// without this file; where there is no number there is no line.
"use strict";
(() => {
  const DASHES = [[], [7, 4], [1, 5], [12, 4, 2, 4], [3, 3], [14, 6]];
  const plots = new Map();
  const colour = (n) => {
    const probe = document.createElement("i");
    probe.className = `l${n}`;
    document.body.append(probe);
    const found = getComputedStyle(probe).color;
    probe.remove();
    return found;
  };

  const read = (figure) => {
    const rows = [...figure.querySelectorAll("tbody tr")].reverse();
    const heads = [...figure.querySelectorAll("thead th")].slice(1);
    const labels = heads.map((th) => th.textContent), places = heads.map((th) => Number(th.dataset.l));
    const times = rows.map((row) => Date.parse(row.querySelector("time").dateTime) / 1000);
    const lines = labels.map((_, n) => rows.map((row) => {
      const cell = row.cells[n + 1];
      return cell.dataset.v === undefined ? null : Number(cell.dataset.v);
    }));
    return { rows, labels, places, times, lines };
  };

  const say = (figure, table, at) => {
    const row = table.rows[at];
    const out = figure.querySelector(".readout");
    if (!row) { out.textContent = ""; return; }
    const told = table.labels.map((label, n) => `${table.labels.length > 1 ? `${label} ` : ""}${row.cells[n + 1].textContent.trim()}`);
    out.textContent = `${row.querySelector("th").textContent.trim()}: ${told.join(", ")}`;
  };

  // What stands alone between two gaps would be no line: it is a dot.
  const alone = (line) => line.flatMap((value, at) => value !== null && line[at - 1] == null && line[at + 1] == null ? [at] : []);
  const series = (table, n, bars) => {
    const ink = colour(table.places[n]);
    if (bars) return { stroke: ink, fill: ink, width: 0, paths: uPlot.paths.bars({ size: [0.76, 60] }), points: { show: false } };
    const points = { show: true, size: 4, fill: ink, filter: (u, at) => alone(u.data[at]) };
    return { stroke: ink, width: 2, dash: DASHES[table.places[n]], cap: "round", points };
  };
  const dot = (table, n) => {
    const ink = colour(table.places[n]);
    return { stroke: ink, width: 0, points: { show: true, size: 5, fill: ink, stroke: ink } };
  };

  const draw = (figure) => {
    const box = figure.querySelector(".plot");
    const svg = box?.querySelector(":scope > svg");
    if (!svg || !box.clientWidth) return;
    const table = read(figure);
    if (table.times.length < 2) return;
    const step = table.times[1] - table.times[0], top = Number(box.dataset.top);
    const bars = "bars" in box.dataset, grows = "grows" in box.dataset && !bars;
    const options = {
      width: box.clientWidth,
      height: box.clientHeight,
      padding: [0, 0, 0, 0],
      legend: { show: false },
      axes: [{ show: false }, { show: false }],
      cursor: { y: false, drag: { x: false, y: false }, points: { show: !bars } },
      scales: { x: { time: true, range: [table.times[0] - step / 2, table.times.at(-1) + step / 2] }, y: { range: [0, top] } },
      series: [{}, ...table.lines.flatMap((_, n) => series(table, n, bars)), ...(grows ? table.lines.map((_, n) => dot(table, n)) : [])],
      hooks: { setCursor: [(u) => say(figure, table, u.cursor.idx ?? -1)] },
    };
    // The step that is still being counted is not yet what the others are: it stands by itself.
    const ended = grows ? table.lines.map((line) => line.map((value, at) => at === line.length - 1 ? null : value)) : table.lines;
    const growing = grows ? table.lines.map((line) => line.map((value, at) => at === line.length - 1 ? value : null)) : [];
    const plot = new uPlot(options, [table.times, ...ended, ...growing], box);
    figure.classList.add("drawn");
    box.tabIndex = 0;
    box.setAttribute("role", "group");
    box.setAttribute("aria-label", `${figure.querySelector("b").textContent}: arrow keys read it step by step`);
    box.onkeydown = (event) => {
      const by = { ArrowLeft: -1, ArrowRight: 1, Home: -1e6, End: 1e6 }[event.key];
      if (!by) return;
      event.preventDefault();
      const at = Math.min(Math.max((plot.cursor.idx ?? table.times.length) + by, 0), table.times.length - 1);
      plot.setCursor({ left: plot.valToPos(table.times[at], "x"), top: 0 });
    };
    box.onblur = () => plot.setCursor({ left: -10, top: -10 });
    plots.set(figure, { plot, words: figure.querySelector("tbody").textContent });
  };
  const undo = (figure) => {
    plots.get(figure)?.plot.destroy();
    plots.delete(figure);
    figure.classList.remove("drawn");
  };
  const renew = (all) => {
    for (const figure of plots.keys()) if (!figure.isConnected) undo(figure);
    for (const figure of document.querySelectorAll(".chart")) {
      const was = plots.get(figure);
      const same = was && figure.querySelector(".uplot") && figure.querySelector("tbody")?.textContent === was.words;
      if (same && !all) { figure.classList.add("drawn"); continue; }
      const pointed = was?.plot.cursor.left ?? -1;
      if (was) undo(figure);
      draw(figure);
      if (pointed >= 0) plots.get(figure)?.plot.setCursor({ left: pointed, top: 0 });
    }
  };

  let asked = 0, whole = false;
  const soon = (all) => {
    whole ||= all;
    cancelAnimationFrame(asked);
    asked = requestAnimationFrame(() => { renew(whole); whole = false; });
  };
  // What the page puts in the place of a chart is drawn anew; what is written here is no news.
  const ours = ({ target }) => target.closest?.(".plot .uplot, .readout");
  new MutationObserver((news) => { if (!news.every(ours)) soon(false); }).observe(document.getElementById("main"), { childList: true, subtree: true });
  addEventListener("resize", () => soon(true));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => soon(true));
  renew(true);
})();
