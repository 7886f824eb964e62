// Ask once a second, draw what has changed. The server answers 304 while nothing has.
import { drawChart, legend } from "./chart.js";
import { openDecision } from "./decision.js";
import { byId, el } from "./dom.js";
import { duration } from "./format.js";
import { offerHalt } from "./halt.js";
import { renderDecisions, renderGate, renderLearning, renderPositions, renderSpend } from "./panels.js";
import { renderHealth, renderLists, renderStatus } from "./status.js";

const EVERY = 1000;
const HIDDEN = 15000;
const RANGES = [["1d", 1], ["7d", 7], ["30d", 30], ["All", 0]];

let view = null;
let etag = "";
let ahead = 0; // server's clock over ours, milliseconds
let heard = 0;
let days = 30;
let curve = null;
let earlier = [];
let before = null;

const nowNs = () => (Date.now() + ahead) * 1e6;

async function ask(path, headers = {}) {
  const answer = await fetch(path, { headers, cache: "no-store", signal: AbortSignal.timeout(10000) });
  if (answer.status === 401) location.assign("/sign-in");
  if (answer.status === 304) return [null, answer];
  const found = await answer.json();
  if (!answer.ok) throw new Error(found.error);
  return [found, answer];
}

function tell(fault) {
  const link = byId("link");
  link.textContent = fault ? `${fault}${heard ? `, last heard ${duration((Date.now() - heard) / 1000)} ago` : ""}` : view?.node.live ? "live" : "up to date";
  link.className = fault ? "down" : "soft";
}

function renderAges() {
  if (!view) return;
  renderStatus(view, nowNs());
  renderHealth(view, nowNs());
}

function decisions() {
  const oldest = view.decisions.at(-1)?.row_id ?? 0;
  renderDecisions([...view.decisions, ...earlier.filter((each) => each.row_id < oldest)], openDecision);
}

function render() {
  renderAges();
  renderPositions(view, openDecision);
  renderGate(view);
  renderLearning(view);
  renderSpend(view);
  renderLists(view);
  decisions();
  const oldest = view.decisions.at(-1)?.row_id ?? 1;
  if (before === null && !earlier.length) byId("more").hidden = oldest <= 1;
}

function draw() {
  if (!curve) return;
  drawChart(byId("chart"), curve);
  byId("legend").replaceChildren(...legend(curve));
}

async function readCurve() {
  const asked = days;
  const [found] = await ask(`/api/equity?days=${asked}`);
  if (asked !== days) return;
  curve = found;
  draw();
}

async function look() {
  try {
    const [found, answer] = await ask("/api/overview", etag ? { "If-None-Match": etag } : {});
    heard = Date.now();
    if (found) {
      const fresh = !view || view.node.live !== found.node.live;
      view = found;
      ahead = found.now_ns / 1e6 - Date.now();
      render();
      await readCurve();
      if (fresh) await offerHalt();
      etag = answer.headers.get("etag") ?? "";
    }
    tell("");
    renderAges();
  } catch (fault) {
    tell(fault.name === "TypeError" || fault.name === "TimeoutError" ? "no connection to the dashboard" : fault.message);
  }
  setTimeout(look, document.hidden ? HIDDEN : EVERY);
}

for (const [name, range] of RANGES) {
  const button = el("button", { type: "button", "aria-pressed": String(range === days) }, name);
  button.addEventListener("click", () => {
    days = range;
    for (const each of byId("ranges").children) each.setAttribute("aria-pressed", String(each === button));
    readCurve().catch((fault) => tell(fault.message));
  });
  byId("ranges").append(button);
}

byId("more").addEventListener("click", async () => {
  const from = before ?? view.decisions.at(-1).row_id;
  try {
    const [found] = await ask(`/api/decisions?before=${from}&limit=20`);
    earlier = [...earlier, ...found.rows];
    before = found.before;
    byId("more").hidden = before === null;
    decisions();
  } catch (fault) {
    tell(fault.message);
  }
});

for (const button of document.querySelectorAll("[data-close]")) button.addEventListener("click", () => button.closest("dialog").close());
for (const dialog of document.querySelectorAll("dialog")) dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
new ResizeObserver(draw).observe(byId("chart"));
look();
