"use strict";
// Draws the report from the JSON beside it. No library, no network.

const data = JSON.parse(document.getElementById("data").textContent);
const page = document.getElementById("page");
const COLOURS = 6;

// An element with attributes and children; text is never parsed as HTML.
function make(name, attributes = {}, ...children) {
  const svg = ["svg", "path", "line", "text", "g", "rect"].includes(name);
  const node = svg ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children.filter((child) => child !== null));
  return node;
}

const colour = (i) => `var(--c${i % COLOURS})`;

function number(value) {
  if (typeof value !== "number") return "–";
  if (value !== 0 && Math.abs(value) < 0.001) return value.toExponential(1);
  return Math.abs(value) >= 100 ? value.toFixed(1) : value.toFixed(4);
}

function section(title, ...content) {
  page.append(make("h2", {}, title), ...content);
}

// Round steps that cover low..high in about five.
function ticks(low, high) {
  const rough = (high - low || 1) / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= rough);
  const first = Math.floor(low / step + 1e-9), last = Math.ceil(high / step - 1e-9);
  return Array.from({ length: last - first + 1 }, (_, i) => (first + i) * step);
}

const short = (value) => String(Number(value.toPrecision(4)));

// series: [{ name, points: [[x, y | null]] }]; x may have names. Follows the pointer.
function chart(caption, series, { xNames = null, xLabel = "", yRange = null, logX = false } = {}) {
  const [W, H, left, right, top, bottom] = [440, 230, 46, 10, 8, 34];
  const all = series.flatMap((s) => s.points).filter((p) => typeof p[1] === "number");
  const figure = make("figure", {}, make("figcaption", {}, ...caption));
  if (!all.length) {
    figure.append(make("p", { class: "soft" }, "No score is defined here."));
    return figure;
  }
  const xs = all.map((p) => p[0]), ys = all.map((p) => p[1]);
  const place = logX ? Math.log : (x) => x;
  const [x0, x1] = [place(Math.min(...xs)), place(Math.max(...xs))];
  const marks = ticks(...(yRange || [Math.min(...ys), Math.max(...ys)]));
  const [y0, y1] = [marks[0], marks[marks.length - 1]];
  const X = (x) => left + (place(x) - x0) / (x1 - x0 || 1) * (W - left - right);
  const Y = (y) => top + (1 - (y - y0) / (y1 - y0 || 1)) * (H - top - bottom);
  const svg = make("svg", { viewBox: `0 0 ${W} ${H}`, role: "img", "aria-label": figure.textContent });
  for (const y of marks) {
    svg.append(make("line", { class: "grid", x1: left, x2: W - right, y1: Y(y), y2: Y(y) }));
    svg.append(make("text", { x: left - 7, y: Y(y) + 4, "text-anchor": "end" }, short(y)));
  }
  const distinct = [...new Set(xs)].sort((a, b) => a - b);
  const xMarks = xNames || logX ? distinct : ticks(distinct[0], distinct[distinct.length - 1]);
  const inside = xMarks.filter((x) => place(x) >= x0 - 1e-9 && place(x) <= x1 + 1e-9);
  const every = Math.ceil(inside.length / 7);
  inside.filter((_, i) => i % every === 0).forEach((x) => {
    const name = xNames ? xNames[x] ?? "" : short(x);
    svg.append(make("text", { x: X(x), y: H - bottom + 17, "text-anchor": "middle" }, String(name)));
  });
  svg.append(make("text", { x: W - right, y: H - 3, "text-anchor": "end" }, xLabel));
  series.forEach((s, i) => {
    let d = "", pen = "M";
    for (const [x, y] of s.points) {
      if (typeof y !== "number") { pen = "M"; continue; }
      d += `${pen}${X(x).toFixed(1)} ${Y(y).toFixed(1)}`;
      pen = "L";
    }
    svg.append(make("path", { d, style: `stroke:${colour(i)}` }));
  });
  const mark = make("line", { class: "mark", y1: top, y2: H - bottom });
  svg.append(mark);
  const legend = make("div", { class: "legend" });
  const show = (x) => {
    const at = x === null ? "" : xNames ? xNames[x] : short(x);
    const entry = (s, i) => {
      const point = x === null ? null : s.points.find((p) => p[0] === x);
      const value = point ? ` ${number(point[1])}` : "";
      return make("span", {}, make("i", { style: `background:${colour(i)}` }), s.name + value);
    };
    legend.replaceChildren(...series.map(entry), make("span", {}, String(at)));
  };
  svg.addEventListener("pointermove", (event) => {
    const box = svg.getBoundingClientRect();
    const at = (event.clientX - box.left) / box.width * W;
    const x = distinct.reduce((best, x) => Math.abs(X(x) - at) < Math.abs(X(best) - at) ? x : best);
    mark.setAttribute("x1", X(x));
    mark.setAttribute("x2", X(x));
    mark.style.visibility = "visible";
    show(x);
  });
  svg.addEventListener("pointerleave", () => { mark.style.visibility = "hidden"; show(null); });
  show(null);
  figure.append(svg, legend);
  return figure;
}

// Buttons of which one is pressed; choose(i) runs now and at each press.
function chooser(names, choose) {
  const buttons = names.map((name, i) => {
    const button = make("button", { type: "button" }, name);
    button.addEventListener("click", () => press(i));
    return button;
  });
  const press = (i) => {
    buttons.forEach((button, j) => button.setAttribute("aria-pressed", String(i === j)));
    choose(i);
  };
  press(0);
  return make("div", { class: "chooser" }, ...buttons);
}

// heads: [{ title, note, text }]; rows: [[cell]]; a press on a head sorts by it.
function table(heads, rows, last = null) {
  const body = make("tbody");
  let order = null, falls = false;
  const cell = (value, i) => {
    const attributes = heads[i].text && i > 0 ? { class: "text" } : {};
    const shown = value instanceof Node ? value : typeof value === "string" ? value : number(value);
    return make("td", attributes, shown);
  };
  const row = (values, kind) => make("tr", kind ? { class: kind } : {}, ...values.map(cell));
  const draw = () => {
    const sorted = [...rows];
    if (order !== null) {
      const key = (r) => r[order] ?? -Infinity;
      sorted.sort((a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0) * (falls ? -1 : 1));
    }
    body.replaceChildren(...sorted.map((r) => row(r)), ...(last ? [row(last, "overall")] : []));
  };
  const head = heads.map((h, i) => {
    const button = make("button", { type: "button", title: h.note || "" }, h.title);
    button.addEventListener("click", () => { falls = order === i ? !falls : !h.text; order = i; draw(); });
    return make("th", h.text && i > 0 ? { class: "text" } : {}, button);
  });
  draw();
  return make("div", { class: "scroll" }, make("table", {}, make("thead", {}, make("tr", {}, ...head)), body));
}

function slider(pairs, alt) {
  const before = make("img", { alt: "" }), after = make("img", { alt });
  const range = make("input", { type: "range", min: 0, max: 100, step: 0.5, value: 50, "aria-label": `compare: ${alt}` });
  const box = make("div", { class: "slider" }, before, after, range);
  range.addEventListener("input", () => box.style.setProperty("--at", `${range.value}%`));
  const names = make("div", { class: "sides" });
  const choose = (i) => {
    before.src = pairs[i].before;
    after.src = pairs[i].after;
    names.replaceChildren(make("span", {}, pairs[i].names[0]), make("span", {}, pairs[i].names[1]));
  };
  const buttons = chooser(pairs.map((pair) => pair.names.join(" | ")), choose);
  return [pairs.length > 1 ? buttons : null, box, names].filter((node) => node);
}

function header() {
  page.append(make("h1", {}, data.title));
  if (data.facts.length) page.append(make("p", { class: "soft" }, data.facts.join(" · ")));
}

function scores(score) {
  const { columns, overall, items, failed } = score;
  const first = columns.slice(0, 6).map((c) =>
    make("div", { class: "card" }, make("b", {}, number(overall[c.key])), make("span", {}, c.title)));
  page.append(make("div", { class: "cards" }, ...first));
  const better = (c) => (c.higher_is_better ? "↑" : "↓");
  section("Overall", table(
    [{ title: "score", text: true }, { title: "value" }, { title: "how it is computed; ↑ higher, ↓ lower is better", text: true }],
    columns.map((c) => [`${c.title} ${better(c)}`, overall[c.key], c.convention])));
  if (overall.precision) {
    const points = overall.precision.map((p, i) => [overall.recall[i], p]).reverse();
    const levels = (key) => overall[key].map((v, i) => [i, v]);
    section("Curves of all pictures", make("div", { class: "charts" },
      chart([make("b", {}, "Precision"), " over recall"], [{ name: "mean of all pictures", points }],
        { xLabel: "recall", yRange: [0, 1] }),
      chart([make("b", {}, "F and E"), " over the threshold"],
        [{ name: "F, beta² 0.3", points: levels("f") }, { name: "E", points: levels("e") }],
        { xLabel: "threshold, 0 to 255", yRange: [0, 1] })));
  }
  const heads = [{ title: "item", text: true }, { title: "frames" }]
    .concat(columns.map((c) => ({ title: c.title, note: `${c.convention} ${better(c)}` })));
  const row = (name, frames, values) => [name, frames, ...columns.map((c) => values[c.key])];
  const frames = items.reduce((sum, item) => sum + item.names.length, 0);
  section("Item by item", table(heads,
    items.map((item) => row(item.name, String(item.names.length), item.scores)), row("overall", String(frames), overall)));
  if (failed.length) {
    section("Not scored", table([{ title: "item", text: true }, { title: "why", text: true }],
      failed.map((f) => [f.name, f.error])));
  }
  sequences(score);
}

function sequences({ items, columns }) {
  const clips = items.filter((item) => item.names.length > 1);
  if (!clips.length) return;
  const keys = Object.keys(clips[0].per_frame);
  const title = (key) => columns.find((c) => c.key === key)?.title ?? { j_and_f: "J&F", j: "J", f: "F" }[key] ?? key;
  const rank = (key) => (columns.findIndex((c) => c.key === key) + 99) % 99;
  keys.sort((a, b) => rank(a) - rank(b));
  const charts = make("div", { class: "charts" });
  const buttons = chooser(keys.map(title), (k) => {
    charts.replaceChildren(...clips.map((clip) => chart(
      [make("b", {}, clip.name), ` ${title(keys[k])} frame by frame`],
      [{ name: title(keys[k]), points: (clip.per_frame[keys[k]] || []).map((v, i) => [i, v]) }],
      { xNames: clip.names, xLabel: "frame" })));
  });
  section("Frame by frame", buttons, charts);
}

function worst() {
  if (!data.worst.length) return;
  const figures = data.worst.map((w) => make("figure", {},
    make("figcaption", {}, make("b", {}, w.name), ` ${w.metric} ${number(w.value)}`), ...slider(w.pairs, w.name)));
  section("Worst frames", make("div", { class: "charts" }, ...figures));
}

function times() {
  const results = data.results.filter((r) => r.status === "done");
  const failed = data.results.filter((r) => r.status !== "done");
  if (results.length) {
    const stages = [...new Set(results.flatMap((r) => Object.keys(r.stages || {})))];
    const median = (stage) => (typeof stage === "object" && stage ? stage.median_ms : stage);
    const bar = (r) => make("div", { class: "bar", title: stages.map((s) => `${s} ${number(median(r.stages?.[s]))} ms`).join(", ") },
      ...stages.map((s, i) => make("div", { style: `background:${colour(i)};flex:${median(r.stages?.[s]) || 0}` })));
    const heads = [{ title: "item", text: true }, { title: "frames" }, { title: "seconds" }, { title: "frames/s" }]
      .concat(stages.map((s) => ({ title: `${s}, ms` })), stages.length ? [{ title: "share", text: true }] : []);
    const row = (r) => [r.item, String(r.frames), r.seconds, r.seconds ? r.frames / r.seconds : null,
      ...stages.map((s) => median(r.stages?.[s])), ...(stages.length ? [bar(r)] : [])];
    section("Times", table(heads, results.map(row)));
  }
  if (failed.length) {
    section("Not done", table([{ title: "item", text: true }, { title: "why", text: true }],
      failed.map((r) => [r.item, r.error || r.status])));
  }
}

// study: { title, curves: [{ name, x_label, x_names, log_x, lines: [{ name, points }] }] }
function study() {
  for (const one of data.studies) {
    const charts = one.curves.map((c) => chart([make("b", {}, c.name), ` ${c.y_label}`], c.lines,
      { xNames: c.x_names, xLabel: c.x_label, logX: c.log_x }));
    section(one.title, make("p", { class: "soft" }, one.note), make("div", { class: "charts", style: "margin-top:.9rem" }, ...charts));
  }
}

header();
if (data.score) scores(data.score);
worst();
study();
times();
