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

/** @param {string} address @param {RequestInit} request @returns {Promise<any>} */
async function answer(address, request) {
  let response;
  try {
    response = await fetch(address, request);
  } catch (failed) {
    if (failed instanceof DOMException && failed.name === "AbortError") throw failed;
    throw offline();
  }
  if (response.ok) return response.json();
  let problem = null;
  try {
    problem = await response.json();
  } catch {
    // A proxy answers with a page of its own.
  }
  throw new Refused({ type: "about:blank", title: `${response.status} ${response.statusText}`, detail: "", remedy: "", status: response.status, ...problem });
}
