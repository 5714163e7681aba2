// What a daemon answers that is busy with others at times.

/** No daemon is busy for so long: it ends what hangs. */
const BUSY_MAX_MS = 120_000;

/** What is answered, asked for again while the daemon has no turn for the question: nothing was done then. */
export async function answered(address, request) {
  for (const end = Date.now() + BUSY_MAX_MS; ; ) {
    const response = await fetch(address, request);
    if (response.status !== 503 || Date.now() > end) return response;
    const text = await response.clone().text();
    if (!text.includes('"/problems/busy"')) return response;
    await new Promise((resolve) => setTimeout(resolve, 1000 * Number(response.headers.get("retry-after"))));
  }
}
