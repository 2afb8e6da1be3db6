// Reads an answer that the gateway gave in its own name, and insists on what every such answer must be: a problem document
// (RFC 9457) that says its code and its request, and nothing of what lies behind the gateway.
import assert from 'node:assert/strict';

type AnswerParts = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
};

export type ProblemAnswer = { readonly status: number; readonly code: string; readonly requestId: string };

/** What no answer may carry: addresses of ours, names of files, OpenSSL's words, stacks. */
const INTERNAL = [
  /127\.0\.0\.1/,
  /localhost/,
  /backend\.test/,
  /\.(?:crt|pem|key|ts)\b/,
  /ERR_|errno|E[A-Z]{6,}/,
  /\n\s+at /,
];

/** `internals`: further texts that must not be in the answer (ports, names of backends). */
export function readProblem(answer: AnswerParts, internals: readonly string[] = []): ProblemAnswer {
  const shown = `status ${answer.status}: ${answer.body}`;
  assert.equal(answer.headers['content-type'], 'application/problem+json', shown);
  const body = JSON.parse(answer.body) as Record<string, unknown>;
  assert.deepEqual(Object.keys(body).toSorted(), ['code', 'requestId', 'status', 'title', 'type'], shown);
  const { code, requestId, status } = body;
  assert.equal(status, answer.status, shown);
  assert.ok(typeof code === 'string' && code !== '', shown);
  assert.ok(typeof requestId === 'string' && requestId !== '', shown);
  const dump = `${JSON.stringify(answer.headers)}\n${answer.body}`;
  for (const secret of INTERNAL) assert.doesNotMatch(dump, secret);
  for (const secret of internals) assert.ok(!dump.includes(secret), `${secret} is in ${dump}`);
  return { status: answer.status, code, requestId };
}
