// The equity curve against holding, drawn to the width it has; a finger or pointer reads it off.
import { el, svg } from "./dom.js";
import { day, moment, monthYear, number, percent, usd } from "./format.js";

const PAD = { top: 10, right: 58, bottom: 22, left: 8 };
const HEIGHT = 250;

function ticks(low, high, count) {
  const raw = (high - low) / count || 1;
  const size = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((part) => part * size).find((part) => part >= raw);
  const found = [];
  for (let at = Math.ceil(low / step) * step; at <= high; at += step) found.push(at);
  return found;
}

export function lines(curve) {
  const named = Object.entries(curve.hold).map(([name, values], at) => ({ name: `hold ${name.replace(/USDT-PERP$/, "")}`, values, kind: `hold${at}` }));
  return [...named, { name: "OCW", values: curve.equity, kind: "own" }];
}

export function drawChart(place, curve) {
  const count = curve.ts_ns.length;
  if (count < 2) {
    place.replaceChildren(el("p", { class: "soft" }, "No equity samples in this range yet."));
    return;
  }
  const width = Math.max(280, place.clientWidth);
  const all = lines(curve);
  const values = all.flatMap((line) => line.values);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const margin = (high - low) * 0.06 || high * 0.01;
  const [bottom, top] = [low - margin, high + margin];
  const [from, to] = [curve.ts_ns[0], curve.ts_ns[count - 1]];
  const x = (ns) => PAD.left + (ns - from) / (to - from) * (width - PAD.left - PAD.right);
  const y = (value) => PAD.top + (top - value) / (top - bottom) * (HEIGHT - PAD.top - PAD.bottom);
  const path = (list) => list.map((value, at) => `${at ? "L" : "M"}${x(curve.ts_ns[at]).toFixed(1)} ${y(value).toFixed(1)}`).join("");

  const picture = svg("svg", { viewBox: `0 0 ${width} ${HEIGHT}`, width, height: HEIGHT, role: "img", "aria-label": `Equity from ${usd(curve.equity[0])} to ${usd(curve.equity[count - 1])} US dollars` });
  for (const at of ticks(bottom, top, 4)) {
    picture.append(svg("line", { class: "grid", x1: PAD.left, x2: width - PAD.right, y1: y(at), y2: y(at) }),
      svg("text", { class: "tick", x: width - PAD.right + 6, y: y(at) + 4 }, number(at, 0)));
  }
  const days = (to - from) / 864e11;
  const name = days > 400 ? monthYear : days > 3 ? day : (ns) => moment(ns).slice(-5);
  const places = width < 480 ? 3 : 6;
  for (let at = 0; at < places; at += 1) {
    const ns = from + (at + 0.5) / places * (to - from);
    picture.append(svg("text", { class: "tick", x: x(ns), y: HEIGHT - 6, "text-anchor": "middle" }, name(ns)));
  }
  const own = path(curve.equity);
  picture.append(svg("path", { class: "area", d: `${own}L${x(to).toFixed(1)} ${y(bottom)}L${x(from).toFixed(1)} ${y(bottom)}Z` }));
  for (const line of all) picture.append(svg("path", { class: `line ${line.kind}`, d: path(line.values) }));
  picture.append(svg("circle", { class: "last", cx: x(to), cy: y(curve.equity[count - 1]), r: 3.5 }));

  const cross = svg("line", { class: "cross", y1: PAD.top, y2: HEIGHT - PAD.bottom, visibility: "hidden" });
  const dot = svg("circle", { class: "last", r: 4, visibility: "hidden" });
  picture.append(cross, dot);
  const tip = el("div", { class: "tip", hidden: true });
  function read(event) {
    const box = picture.getBoundingClientRect();
    const ns = from + ((event.clientX - box.left) * width / box.width - PAD.left) / (width - PAD.left - PAD.right) * (to - from);
    let at = curve.ts_ns.findIndex((each) => each >= ns);
    if (at < 0) at = count - 1;
    const left = x(curve.ts_ns[at]);
    for (const [mark, changes] of [[cross, { x1: left, x2: left }], [dot, { cx: left, cy: y(curve.equity[at]) }]]) {
      for (const [key, value] of Object.entries({ ...changes, visibility: "visible" })) mark.setAttribute(key, value);
    }
    tip.replaceChildren(el("div", { class: "soft" }, moment(curve.ts_ns[at], true)),
      ...all.toReversed().map((line) => el("div", {}, el("i", { class: `key ${line.kind}` }), `${line.name} `, el("b", {}, usd(line.values[at])))));
    tip.hidden = false;
    tip.style.left = `${Math.min(Math.max(4, left / width * box.width - 80), box.width - 176)}px`;
  }
  const leave = () => { for (const mark of [cross, dot]) mark.setAttribute("visibility", "hidden"); tip.hidden = true; };
  picture.addEventListener("pointermove", read);
  picture.addEventListener("pointerdown", read);
  picture.addEventListener("pointerleave", leave);
  place.replaceChildren(picture, tip);
}

export function legend(curve) {
  if (curve.ts_ns.length < 2) return [];
  return lines(curve).toReversed().map((line) => {
    const change = line.values.at(-1) / line.values[0] - 1;
    return el("span", {}, el("i", { class: `key ${line.kind}` }), `${line.name} `, el("b", {}, percent(change)));
  });
}
