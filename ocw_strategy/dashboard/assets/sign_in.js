// Say why a sign-in was refused.
const words = {
  "?wrong": "That is not the token.",
  "?wait": "Too many wrong tokens. Wait a minute, then try again.",
};
document.getElementById("fault").textContent = words[location.search] ?? "";
