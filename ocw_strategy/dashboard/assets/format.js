// Numbers and times as people read them. Times are UTC; what is unknown is a dash.
export const DASH = "–";
const MINUS = "−";
const known = (value) => value !== null && value !== undefined && Number.isFinite(Number(value));
const grouped = (value, digits) => Math.abs(value).toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });

export function number(value, digits = 2, sign = false) {
  if (!known(value)) return DASH;
  const text = grouped(Number(value), digits);
  const zero = Number(text.replaceAll(",", "")) === 0;
  return (value < 0 && !zero ? MINUS : sign && !zero ? "+" : "") + text;
}

export const usd = (value, sign = false) => number(value, 2, sign);
export const percent = (fraction, sign = true, digits = 2) => known(fraction) ? `${number(fraction * 100, digits, sign)} %` : DASH;

export function price(value) {
  if (!known(value)) return DASH;
  const size = Math.abs(value);
  return number(value, size >= 1000 ? 1 : size >= 10 ? 2 : 4);
}

// What a venue was sent, to the digit
export const exact = (text) => { const [whole, part] = text.split("."); return number(Number(whole), 0) + (part ? `.${part}` : ""); };

export const short = (symbol) => symbol.replace(/-PERP$/, "").replace(/USDT$/, "");

// The coins in a sentence: "BTCUSDT-PERP: opens" is "BTC: opens".
export const shortened = (text) => text.replace(/\b([A-Z0-9]+?)USDT-PERP\b/g, "$1");

// "return:SOLUSDT-PERP:-2.6" is "return SOL −2.6"
export const plain = (name) => name.split(":").map((part) => /^-?\d/.test(part) || part.startsWith("+") ? part.replace("-", MINUS) : short(part)).join(" ").replaceAll("_", " ");

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const two = (value) => String(value).padStart(2, "0");

export function moment(ns, year = false) {
  if (!known(ns) || ns <= 0) return DASH;
  const at = new Date(ns / 1e6);
  return `${at.getUTCDate()} ${MONTHS[at.getUTCMonth()]}${year ? ` ${at.getUTCFullYear()}` : ""} ${two(at.getUTCHours())}:${two(at.getUTCMinutes())}`;
}

export function day(ns) {
  const at = new Date(ns / 1e6);
  return `${at.getUTCDate()} ${MONTHS[at.getUTCMonth()]}`;
}

export const monthYear = (ns) => {
  const at = new Date(ns / 1e6);
  return `${MONTHS[at.getUTCMonth()]} ${at.getUTCFullYear()}`;
};

export function duration(seconds) {
  if (!known(seconds)) return DASH;
  const size = Math.max(0, seconds);
  if (size < 90) return `${Math.round(size)} s`;
  if (size < 90 * 60) return `${Math.round(size / 60)} min`;
  if (size < 36 * 3600) return `${(size / 3600).toFixed(size < 36000 ? 1 : 0)} h`;
  return `${Math.round(size / 86400)} d`;
}

export const tone = (value) => !known(value) || Math.abs(value) < 1e-9 ? "" : value > 0 ? "up" : "down";
