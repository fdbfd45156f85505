// The server's clock: a browser's own may be hours off, and ages must not be.

let ahead = 0; // milliseconds that the server is ahead of us

/** Unix milliseconds now, by the server's clock; it goes on when the server is away. */
export const now = () => Date.now() + ahead;

/** Learn the server's clock from any of its answers. `Date` has whole seconds, so half of one is added. */
export function learn(response) {
  const time = Date.parse(response.headers.get("date") ?? "");
  if (!Number.isNaN(time)) ahead = time + 500 - Date.now();
}
