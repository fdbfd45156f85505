// Where the API wants a key: asks for it once, and changes it for a cookie that no script can read.
import { Problem, V1, get } from "./api.js";
import { find, setText } from "./dom.js";

/** Resolves once the API lets us read, or when it is something else than a key that keeps it from answering. */
export async function signedIn() {
  if (!(await wantsKey())) return;
  const dialog = find("sign-in"), field = find("key");
  dialog.showModal();
  await new Promise((done) => {
    dialog.oncancel = (event) => event.preventDefault(); // without a key there is nothing behind it
    dialog.querySelector("form").onsubmit = async (event) => {
      event.preventDefault();
      const trouble = await signIn(field.value.trim());
      field.value = "";
      setText(find("sign-in-trouble"), trouble ?? "");
      if (trouble === null) done();
    };
  });
  dialog.close();
}

async function wantsKey() {
  try {
    await get(`${V1}/sensors?limit=1`);
  } catch (error) {
    return error instanceof Problem && (error.status === 401 || error.status === 403);
  }
  return false;
}

/** What is wrong with the key, for a person; null if it is good. */
async function signIn(key) {
  try {
    const response = await fetch("/session", { method: "POST", headers: { Authorization: `Bearer ${key}` } });
    if (response.ok) return null;
    if (response.status === 403) return "This key may not read the sensors.";
    return response.status === 401 ? "The API does not know this key." : `The API answers ${response.status}.`;
  } catch {
    return "The key could not be sent.";
  }
}
