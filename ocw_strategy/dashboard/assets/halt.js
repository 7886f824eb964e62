// Halt: a reason, a typed word, and only then the request.
import { byId } from "./dom.js";

const dialog = byId("halt");
const [reason, word, send, fault] = ["halt-reason", "halt-word", "halt-send", "halt-fault"].map(byId);

export async function offerHalt() {
  const answer = await fetch("/api/access", { cache: "no-store" });
  if (!answer.ok) return;
  const may = await answer.json();
  byId("halt-open").hidden = !may.may_halt;
  byId("foot").textContent = may.why_not;
  byId("sign-out").hidden = !may.signed_in;
}

const check = () => { send.disabled = word.value !== "HALT" || !reason.value.trim(); };
word.addEventListener("input", check);
reason.addEventListener("input", check);

byId("halt-open").addEventListener("click", () => {
  for (const input of [reason, word]) input.value = "";
  fault.textContent = "";
  check();
  dialog.showModal();
});

byId("halt-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  send.disabled = true;
  try {
    const answer = await fetch("/api/halt", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ reason: reason.value, confirmation: word.value }) });
    const said = await answer.json();
    if (!answer.ok) throw new Error(said.error);
    dialog.close();
  } catch (error) {
    fault.textContent = `NOT halted: ${error.message}`;
    check();
  }
});
