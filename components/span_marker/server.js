// Talking to the studio's own route.

/** POST to `route`; throws an Error with `status` (0: not reached) and a message for people. */
export async function post(route, body) {
  let response;
  try {
    response = await fetch(route, {
      method: "POST",
      headers: headers(body),
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(30_000),
    });
  } catch {
    throw Object.assign(new Error("The studio can't be reached."), { status: 0 });
  }
  const reply = await response.json().catch(() => null);
  if (response.ok && reply) return reply;
  const { status } = response;
  const words = status === 503 ? "The studio can't use its database at the moment" : reply?.error;
  const what = (words ?? `The studio answered ${status}`).replace(/[.\s]*$/, ".");
  const remedy = status === 503 ? "" : (reply?.remedy ?? "");
  throw Object.assign(new Error(`${what} ${remedy}`.trim()), {
    status,
    detail: reply?.error ?? "",
  });
}

/** Say something while the page goes; nobody waits for the answer. */
export function tell(route, body) {
  const options = { method: "POST", headers: headers(body), body: JSON.stringify(body) };
  fetch(route, { ...options, keepalive: true }).catch(() => {});
}

const headers = ({ token }) => ({
  "Content-Type": "application/json",
  Authorization: `Bearer ${token}`,
});
