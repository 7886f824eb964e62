// One decision whole, in the order in which it happened: what `ocw explain` says.
import { el, byId, none, table } from "./dom.js";
import { DASH, moment, number, percent, plain, price, short, shortened, tone, usd } from "./format.js";

const dialog = byId("decision");

const facts = (pairs) => el("dl", { class: "facts" }, pairs.filter(Boolean).map(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]));
const folded = (title, text) => text ? el("details", {}, el("summary", {}, title), el("pre", {}, text)) : null;

// "price > 123" of a wake condition, "funding 0.53, open interest 0.46" of confidences
function words(value) {
  if (Array.isArray(value)) return value.map(words).join("; ");
  if (value && typeof value === "object") return Object.entries(value).filter(([, each]) => each !== null).map(([name, each]) => `${plain(name)} ${words(each)}`).join(", ");
  return typeof value === "number" ? String(Number(value.toPrecision(5))) : short(String(value));
}

function decided(found) {
  if (!found.decision) return none("Hold: what is held stays under its protection.");
  const { targets, reason, ...rest } = found.decision;
  const others = Object.entries(rest).filter(([, value]) => value !== "" && value !== null && JSON.stringify(value) !== "[]");
  return [
    targets.length ? table([{ text: "target" }, { text: "exposure", number: true }, { text: "confidence", number: true }],
      targets.map((target) => [short(target.symbol), number(target.exposure, 2, true), number(target.confidence, 2)])) : none("No targets: everything stays as it is."),
    el("p", { id: "decision-reason" }, shortened(reason)),
    facts(others.map(([name, value]) => [plain(name), words(value)])),
  ];
}

function order(each) {
  const happened = [...each.events.map((event) => [event.ts_ns, plain(event.status) + (event.detail && event.detail !== each.purpose ? `: ${event.detail}` : "")]),
    ...each.fills.map((fill) => [fill.ts_ns, `filled ${fill.quantity} at ${fill.price}, fee ${number(Number(fill.fee_usd), 4)} USD, ${fill.liquidity.toLowerCase()}`])].sort((a, b) => a[0] - b[0]);
  return [moment(each.ts_ns), [`${each.purpose}: ${each.side} ${each.quantity} ${short(each.symbol)}, ${each.trigger_price ? `stop at ${each.trigger_price}` : "market"}`,
    happened.map(([ns, text]) => [el("br"), el("small", {}, `${moment(ns)} ${text}`)])]];
}

function trade(each) {
  return [moment(each.closed_ns), [`${each.side} ${each.quantity} ${short(each.symbol)} from ${each.entry_price} to ${each.exit_price}, ${plain(each.exit_reason)}`,
    el("br"), el("small", {}, `gross ${usd(each.gross_usd)}, fees ${usd(each.fees_usd)}, funding ${usd(each.funding_usd)}`), each.reflection && [el("br"), el("small", {}, `learnt: ${each.reflection}`)]],
  el("span", { class: tone(each.net_usd) }, usd(each.net_usd, true), el("br"), el("small", {}, percent(each.net_return)))];
}

function body(found) {
  const worth = found.call_value !== null && found.call_price !== null && ["Asking was worth", `${percent(found.call_value, false, 4)} of notional against a price of ${percent(found.call_price, false, 4)}`];
  return [
    facts([["Woken by", found.wake_reasons.map(plain).join(", ") || DASH], worth, ["Regime", plain(found.regime)],
      ["Advisor", found.model ? `${found.advisor} (${found.model})` : found.advisor], ["Outcome", plain(found.outcome) + (found.detail ? `: ${found.detail}` : "")],
      ["Cost", `${number(Number(found.cost_usd), 4)} USD`], ["Latency", `${number(found.latency_ns / 1e6, 0)} ms`],
      found.usage && ["Tokens", Object.entries(found.usage).map(([kind, count]) => `${count.toLocaleString("en-US")} ${plain(kind)}`).join(", ")]]),
    el("h3", {}, "Decided, after checks"), decided(found),
    found.clamps.length > 0 && [el("h3", {}, "Limits that acted"), table([{ text: "limit" }, { text: "asked, USD", number: true }, { text: "left, USD", number: true }],
      found.clamps.map((clamp) => [`${short(clamp.symbol)} ${plain(clamp.limit)}`, usd(clamp.before), usd(clamp.after)]))],
    el("h3", {}, "Orders"), found.orders.length ? table([{ text: "when" }, { text: "what" }], found.orders.map(order)) : none("It led to no order."),
    found.trades.length > 0 && [el("h3", {}, "Trades it opened"), table([{ text: "closed" }, { text: "lot" }, { text: "net", number: true }], found.trades.map(trade)),
      el("p", {}, "Net of fees and funding: ", el("b", { class: tone(found.net_usd) }, `${usd(found.net_usd, true)} USD`))],
    Object.keys(found.open_quantities).length > 0 && el("p", {}, `Still open: ${Object.entries(found.open_quantities).map(([symbol, quantity]) => `${price(Number(quantity))} ${short(symbol)}`).join(", ")}`),
    folded("What the advisor was shown", found.snapshot),
    found.request && [folded("System prompt", found.request.system), found.request.user !== found.snapshot && folded("Message", found.request.user)],
    found.request_note && el("p", { class: "soft" }, `Request: ${found.request_note}`),
    folded("The answer as it came", found.answer),
  ];
}

export async function openDecision(id) {
  byId("decision-title").textContent = `Decision ${id}`;
  byId("decision-body").replaceChildren(none("Reading."));
  if (!dialog.open) dialog.showModal();
  try {
    const answer = await fetch(`/api/decisions/${encodeURIComponent(id)}`, { cache: "no-store" });
    const found = await answer.json();
    if (!answer.ok) throw new Error(found.error);
    byId("decision-title").textContent = `${moment(found.ts_ns, true)} UTC`;
    byId("decision-body").replaceChildren(...[body(found)].flat(Infinity).filter(Boolean), el("p", { class: "soft" }, el("small", {}, `decision ${found.decision_id}, snapshot ${found.snapshot_hash.slice(0, 12)}`)));
  } catch (fault) {
    byId("decision-body").replaceChildren(el("p", { class: "fault" }, `It could not be read: ${fault.message}`));
  }
}
