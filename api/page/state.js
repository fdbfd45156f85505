// Whether what is shown is what is. Said in a word at the top, and in a sentence when it is not.
import { find, setData, setText } from "./dom.js";
import { timeOfDay } from "./words.js";

const WORDS = { connecting: "Connecting", live: "Live", reconnecting: "Reconnecting", behind: "Pipeline behind" };

let lost = null; // since when we are not live, unix milliseconds

/** `name` is connecting, live, reconnecting or behind; `why` the server's or our own words. */
export function showState(name, why) {
  lost = name === "live" ? null : (lost ?? Date.now());
  setData(document.body, "state", name);
  setText(find("state"), WORDS[name]);
  const banner = find("banner");
  setText(banner, sentence(name, why));
  banner.hidden = banner.textContent === "";
}

function sentence(name, why) {
  if (name === "reconnecting")
    return `No connection to the API since ${timeOfDay(lost)}. What you see is what was known then; it ages until the connection is back.`;
  if (name === "behind") return `The pipeline is behind, so values may be old: ${why}`;
  if (name === "connecting" && why) return `The sensors cannot be read: ${why}. Trying again.`;
  return "";
}
