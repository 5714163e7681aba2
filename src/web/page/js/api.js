// Questions to the daemon. A refusal is a problem with a title and a remedy.

import { t } from "./text.js";

/** What the daemon refuses, or that it does not answer. */
export class Refused extends Error {
  /** @param {import("./types").Problem} problem */
  constructor(problem) {
    super(problem.title);
    this.problem = problem;
  }
}

/** The daemon does not answer. */
export function offline() {
  return new Refused({ type: "offline", title: t("problem.offline"), status: 0, detail: "", remedy: t("problem.offline.remedy") });
}

/**
 * @param {string} path below `/api/v1/` @param {Record<string, string | number | null | undefined>} [query]
 * @param {AbortSignal} [signal] @returns {Promise<any>}
 */
export async function get(path, query, signal) {
  return answer(url(path, query), { signal });
}

/** The address of a question. @param {string} path @param {Record<string, string | number | null | undefined>} [query] */
export function url(path, query) {
  const asked = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value !== null && value !== undefined) asked.set(name, String(value));
  }
  const text = asked.toString();
  return `/api/v1/${path}${text ? `?${text}` : ""}`;
}

/** @param {string} path @param {object} body @param {string} token @returns {Promise<any>} */
export async function post(path, body, token) {
  return answer(url(path), {
    method: "POST",
    headers: { "Content-Type": "application/json", Authorization: `Bearer ${token}` },
    body: JSON.stringify(body),
  });
}

/** So often a question is asked again for which the daemon has no turn, being busy with others. */
const AGAIN_MAX = 4;

/** @param {string} address @param {RequestInit} request @returns {Promise<any>} */
async function answer(address, request) {
  for (let again = 0; ; again += 1) {
    const response = await asked(address, request);
    if (response.ok) return response.json();
    let problem = null;
    try {
      problem = await response.json();
    } catch (failed) {
      if (isAborted(failed)) throw failed;
      // A proxy answers with a page of its own.
    }
    // Nothing was done then: also what is to be kept may be sent again.
    const afterS = response.headers.get("Retry-After");
    if (afterS === null || again === AGAIN_MAX || !problem?.type?.endsWith("/problems/busy")) {
      throw new Refused({ type: "about:blank", title: `${response.status} ${response.statusText}`, detail: "", remedy: "", status: response.status, ...problem });
    }
    await passed(Number(afterS) * 1000, request.signal);
  }
}

/** @param {string} address @param {RequestInit} request */
async function asked(address, request) {
  try {
    return await fetch(address, request);
  } catch (failed) {
    if (isAborted(failed)) throw failed;
    throw offline();
  }
}

/** Whether the answer is only not wanted any more. @param {unknown} failed */
export function isAborted(failed) {
  return failed instanceof DOMException && failed.name === "AbortError";
}

/** So many milliseconds, unless the answer is not wanted any more. @param {number} ms @param {AbortSignal | null} [signal] */
function passed(ms, signal) {
  return new Promise((resolve, reject) => {
    const abort = () => {
      clearTimeout(timer);
      reject(new DOMException("", "AbortError"));
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", abort);
      resolve(null);
    }, ms);
    if (signal?.aborted) abort();
    else signal?.addEventListener("abort", abort);
  });
}
