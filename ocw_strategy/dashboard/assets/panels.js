// What is held, decided, looked at, believed and spent.
import { el, fill, byId, none, svg } from "./dom.js";
import { duration, exact, moment, number, percent, plain, price, short, shortened, tone, usd } from "./format.js";

function meter(share, kind) {
  const bar = el("i");
  bar.style.width = `${Math.min(100, Math.max(0, share * 100)).toFixed(1)}%`;
  return el("div", { class: `meter ${kind}` }, bar);
}

function rail(position) {
  // from the stop to as far on the other side of the price
  const { price: now, stop_price: stop, entry_price: entry } = position;
  if (!now || !stop) return null;
  const reach = Math.abs(now - Number(stop)) || 1;
  const side = Number(stop) < now ? 1 : -1;
  const at = (value) => `${Math.min(100, Math.max(0, 50 + side * (value - now) / reach * 50)).toFixed(1)}%`;
  const marks = [["stop", Number(stop)], ["entry", entry], ["now", now]].filter(([, value]) => value).map(([kind, value]) => {
    const mark = el("i", { class: kind, title: `${kind} ${price(value)}` });
    mark.style.left = at(value);
    return mark;
  });
  return el("div", { class: "rail", "aria-hidden": "true" }, marks);
}

function positionCard(position, open) {
  const quantity = Number(position.quantity) || Number(position.node_quantity);
  const long = quantity > 0;
  const differs = position.node_quantity !== null && Number(position.node_quantity) !== Number(position.quantity);
  return el("div", { class: "position" },
    el("div", { class: "row" },
      el("span", {}, el("span", { class: `side ${long ? "up" : "down"}` }, long ? "long" : "short"), el("b", {}, short(position.symbol)), " ", el("span", { class: "soft" }, number(Math.abs(quantity), 4).replace(/\.?0+$/, ""))),
      el("b", { class: tone(position.unrealised_usd) }, `${usd(position.unrealised_usd, true)} USD`)),
    el("div", { class: "row soft" }, el("span", {}, `entry ${price(position.entry_price)}, now ${price(position.price)}`),
      position.stop_price ? el("span", {}, `stop ${exact(position.stop_price)} (${percent(position.stop_fraction, false, 1)} away)`) : el("b", { class: "down" }, "no stop")),
    rail(position),
    differs && el("p", { class: "chip warn" }, `the node holds ${position.node_quantity}, the journal explains ${position.quantity}`),
    position.decision_id && el("p", { class: "fine" }, el("a", { href: `#${position.decision_id}`, onclick: (event) => { event.preventDefault(); open(position.decision_id); } }, "why"), el("span", { class: "soft" }, `, held since ${moment(position.opened_ns)}`)));
}

export function renderPositions(view, open) {
  fill(byId("positions"), view.positions, (positions) => positions.length ? positions.map((each) => positionCard(each, open)) : none("Nothing is held."));
}

function decisionRow(decision, open) {
  const targets = decision.targets.filter((target) => target.exposure !== 0);
  const held = decision.outcome === "decided" ? (targets.length ? [] : [el("span", { class: "chip" }, "no change")]) : [el("span", { class: "chip warn" }, `hold: ${plain(decision.outcome)}`)];
  return el("button", { class: "decision", "data-id": decision.decision_id, onclick: () => open(decision.decision_id) },
    el("div", { class: "row" }, el("b", {}, moment(decision.ts_ns)), el("span", { class: "soft" }, `${decision.advisor} · ${Number(decision.cost_usd) ? `${number(Number(decision.cost_usd), 4)} USD` : "no cost"}`)),
    el("div", { class: "chips" }, held, targets.map((target) => el("span", { class: `chip ${target.exposure > 0 ? "up" : "down"}` }, `${short(target.symbol)} ${number(target.exposure, 2, true)}`)),
      decision.limits.map((limit) => el("span", { class: "chip warn", title: `${usd(limit.before)} to ${usd(limit.after)} USD` }, `${short(limit.symbol)} limited: ${plain(limit.limit)}`))),
    el("p", { class: "why" }, shortened(decision.reason)),
    el("div", { class: "chips" }, decision.wake_reasons.map((reason) => el("span", { class: "chip" }, plain(reason)))));
}

export function renderDecisions(rows, open) {
  fill(byId("decisions"), rows, () => rows.length ? rows.map((each) => decisionRow(each, open)) : none("None yet."));
}

export function renderGate(view) {
  const gate = view.gate;
  byId("gate-day").textContent = `${gate.day}, UTC`;
  fill(byId("gate"), gate, () => {
    const most = Math.max(1, ...gate.skips_by_reason.map((each) => each.count), ...gate.wakes_by_reason.map((each) => each.count));
    const list = (counts, kind) => counts.map((each) => el("div", { class: "count" }, el("span", { title: plain(each.reason) }, plain(each.reason)), meter(each.count / most, kind), el("b", {}, each.count)));
    return [
      el("div", { class: "split" },
        [["evaluations", gate.evaluations], ["skipped", gate.skips], ["wakes", gate.wakes]].map(([name, value]) => el("div", {}, el("b", { "data-gate": name }, value), el("span", {}, name)))),
      el("h3", {}, "Woken by"), gate.wakes ? el("div", { class: "counts" }, list(gate.wakes_by_reason, "wake")) : none("Nothing today."),
      el("h3", {}, "Skipped for"), gate.skips ? el("div", { class: "counts" }, list(gate.skips_by_reason, "")) : none("Nothing today."),
    ];
  });
}

function belief(each) {
  const x = (value) => 2 + Math.min(1, Math.max(0, value)) * 196;
  const kind = each.mean >= 0.5 ? "up" : "down";
  return el("div", { class: "belief", "data-signal": `${each.regime}/${each.signal}` }, el("span", {}, plain(each.signal)),
    svg("svg", { viewBox: "0 0 200 16", preserveAspectRatio: "none", class: kind, "aria-hidden": "true" },
      svg("line", { class: "axis", x1: 0, x2: 200, y1: 8, y2: 8 }), svg("line", { class: "half", x1: 100, x2: 100, y1: 0, y2: 16 }),
      svg("line", { class: "span", x1: x(each.mean - each.deviation), x2: x(each.mean + each.deviation), y1: 8, y2: 8 }), svg("line", { class: "mean", x1: x(each.mean), x2: x(each.mean), y1: 2, y2: 14 })),
    el("span", {}, el("b", {}, each.mean.toFixed(3)), el("small", { class: "soft" }, ` n ${each.outcomes}`)));
}

export function renderLearning(view) {
  const now = view.regime;
  fill(byId("regime"), [now, view.run.clock_ns], () => now ? el("dl", { class: "facts" },
    el("dt", {}, "Now"), el("dd", {}, el("b", { id: "regime-now" }, plain(now.regime))),
    now.since_ns && [el("dt", {}, "Since"), el("dd", {}, `${moment(now.since_ns)} (${duration((view.run.clock_ns - now.since_ns) / 1e9)})`)],
    now.probability !== null && [el("dt", {}, "Probability"), el("dd", {}, percent(now.probability, false, 0))],
    now.annualised_volatility !== null && [el("dt", {}, "Volatility"), el("dd", {}, `${percent(now.annualised_volatility, false, 0)} a year`)]) : none("Not known yet."));
  fill(byId("posteriors"), [view.posteriors, now?.regime], () => {
    const regimes = new Map();
    for (const each of view.posteriors) regimes.set(each.regime, [...(regimes.get(each.regime) ?? []), each]);
    const block = ([regime, list]) => [el("h3", {}, `Does a signal pay? ${plain(regime)}`), list.map(belief)];
    const [here, others] = [[...regimes].filter(([name]) => name === now?.regime), [...regimes].filter(([name]) => name !== now?.regime)];
    if (!regimes.size) return none("No trade has taught anything yet.");
    return [here.map(block), el("p", { class: "soft" }, el("small", {}, "Mean reward after cost, give or take a standard deviation; 0.5 is break-even, n counts closed trades.")),
      others.length > 0 && el("details", {}, el("summary", {}, `${others.length} other regimes`), others.map(block))];
  });
}

export function renderSpend(view) {
  fill(byId("spend"), view.spend, (spend) => {
    if (!spend.calls) return none("No call has been bought.");
    const line = (name, budget) => {
      if (!budget) return [el("div", { class: "row" }, el("span", {}, name), el("span", { class: "soft" }, "nothing bought"))];
      const limit = budget.left_usd === null ? null : Number(budget.spent_usd) + Number(budget.left_usd);
      const share = limit ? Number(budget.spent_usd) / limit : 0;
      return [el("div", { class: "row" }, el("span", {}, name, " ", el("small", { class: "soft" }, budget.period)), el("span", {}, el("b", {}, number(Number(budget.spent_usd), 4)), el("span", { class: "soft" }, limit === null ? " USD" : ` of ${usd(limit)} USD`))),
        limit ? meter(share, share >= 1 ? "full" : share >= 0.8 ? "near" : "wake") : null];
    };
    return el("div", { class: "counts" }, line("Today", spend.day), line("Month", spend.month),
      el("div", { class: "row soft" }, el("span", {}, "In all"), el("span", {}, `${number(Number(spend.total_usd), 4)} USD, ${spend.calls} calls`)));
  });
}

