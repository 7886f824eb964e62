// Is all well? One verdict with its reasons, four figures, and the age of everything.
import { el, fill, byId, table } from "./dom.js";
import { DASH, day, duration, moment, number, percent, plain, short, tone, usd } from "./format.js";

const SECOND = 1e9;

// Seconds since a time of the journal; null where its clock is not the wall's.
const age = (view, ns, nowNs) => view.run.clock_is_wall && ns ? (nowNs - ns) / SECOND : null;

function verdict(view, nowNs) {
  const { node } = view;
  if (!node.live) {
    return { kind: "", mark: "■", head: "Backtest", text: view.run.clock_ns ? `${moment(view.run.first_ns, true)} to ${moment(view.run.clock_ns, true)} UTC. Nothing trades on this journal.` : "The journal is empty." };
  }
  const beat = node.heartbeat;
  const silent = beat ? (nowNs - beat.wall_ns) / SECOND : null;
  if (!node.well) return { kind: "bad", mark: "!", head: "Needs you", text: node.problems.map(plainSentence).join(". ") };
  if (node.halt.halted) return { kind: "warn", mark: "‖", head: "Halted", text: `No entries since ${moment(node.halt.wall_ns)}: ${node.halt.reason || "no reason given"}. Positions keep their stops.` };
  const blocked = [...new Set([...view.halts, ...(beat?.entries_blocked ?? [])])];
  if (blocked.length) return { kind: "warn", mark: "‖", head: "No entries", text: `${blocked.map(plain).join(", ")}. Positions keep their stops.` };
  return { kind: "well", mark: "✓", head: "All is well", text: `The node was heard ${duration(silent)} ago and runs for ${duration((nowNs - beat.started_wall_ns) / SECOND)}.` };
}

const plainSentence = (text) => text.charAt(0).toUpperCase() + text.slice(1).replace(/\.$/, "");

function figure(name, value, note, kind) {
  return el("div", { class: "figure" }, el("span", {}, name), el("b", { class: kind ?? "" }, value), el("small", {}, note));
}

export function renderStatus(view, nowNs) {
  const said = verdict(view, nowNs);
  const equity = view.equity;
  document.title = view.node.live ? `${said.head} · OCW` : `OCW ${view.run.run_id}`;
  fill(byId("run"), [view.run.run_id, view.run.account, view.run.advisor], ([run, account, advisor]) =>
    [account === "backtest" ? run : `${account} account`, el("span", { class: "detail" }, ` · ${advisor || "no"} advisor`)]);
  fill(byId("status"), [said, equity, view.node.halt, view.run], () => [
    el("div", { class: `verdict ${said.kind}`, id: "verdict" }, el("span", { class: "mark", "aria-hidden": "true" }, said.mark), el("div", {}, said.head, el("small", {}, said.text))),
    el("div", { class: "figures" },
      figure("Equity", usd(equity?.equity_usd), equity ? `USD at ${moment(equity.ts_ns)}` : "no sample yet"),
      figure("Today", percent(equity?.day_change), equity?.day_change_usd != null ? `${usd(equity.day_change_usd, true)} USD, UTC day` : "", tone(equity?.day_change)),
      figure("Since the start", percent(equity?.total_return), view.run.first_ns ? `from ${day(view.run.first_ns)} ${new Date(view.run.first_ns / 1e6).getUTCFullYear()}` : "", tone(equity?.total_return)),
      figure("Below its peak", percent(equity?.drawdown, false), "drawdown now")),
  ]);
}

export function renderHealth(view, nowNs) {
  const beat = view.node.heartbeat;
  const told = (ns) => {
    const seconds = age(view, ns, nowNs);
    return seconds === null ? moment(ns) : `${duration(seconds)} ago`;
  };
  const rows = [
    ["Gate looked", told(view.times.evaluation_ns)],
    ["Last decision", told(view.times.decision_ns)],
    ["Equity sampled", told(view.times.equity_ns)],
  ];
  if (beat) {
    const beatAge = (nowNs - beat.wall_ns) / SECOND;
    rows.unshift(["Heartbeat", `${duration(beatAge)} ago`]);
    for (const [symbol, known] of Object.entries(beat.instruments)) {
      const mark = known.mark_age_s === null ? DASH : duration(known.mark_age_s + beatAge);
      const basis = known.basis_points === null ? "" : `, ${number(known.basis_points, 1)} bp apart`;
      rows.push([short(symbol), `bar ${told(known.last_bar_ns)}, mark ${mark} old${basis}`]);
    }
    rows.push(
      ["User stream", beat.user_stream_alive ? "alive" : el("b", { class: "down" }, "silent")],
      ["Loop lag", `${beat.loop_lag_p99_ms.toFixed(1)} ms p99, ${beat.loop_lag_max_ms.toFixed(1)} ms most`],
      ["Open orders", `${beat.open_orders} here, ${beat.venue_open_orders ?? DASH} at the venue`],
      ["Memory", `${beat.resident_mb.toFixed(0)} MB at most`],
    );
  }
  fill(byId("health"), rows.map(([name, value]) => [name, value.textContent ?? value]), () =>
    el("dl", { class: "facts" }, rows.map(([name, value]) => [el("dt", {}, name), el("dd", {}, value)])));
}

export function renderLists(view) {
  fill(byId("trades"), view.trades, (trades) => trades.length ? table(
    [{ text: "closed" }, { text: "lot" }, { text: "net", number: true }],
    trades.map((trade) => [
      moment(trade.closed_ns),
      [`${short(trade.symbol)} ${trade.side} `, el("small", {}, `${trade.quantity} · ${plain(trade.exit_reason)}`)],
      el("span", { class: tone(trade.net_usd) }, usd(trade.net_usd, true), el("br"), el("small", {}, percent(trade.net_return))),
    ])) : el("p", { class: "soft" }, "None yet."));
  fill(byId("events"), view.events, (events) => events.length ? table(
    [{ text: "when" }, { text: "what" }],
    events.map((event) => [moment(event.ts_ns), [`${plain(event.kind)} ${short(event.symbol)} `, el("br"), el("small", {}, event.detail)]])) : el("p", { class: "soft" }, "None yet."));
}
