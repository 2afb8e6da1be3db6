// The authorizations of an order (RFC 8555 section 7.5): a challenge of the wanted type answered for each name that is not proven yet.
// The answers are in every worker before the CA is told to look, and gone when it has looked.
import { retryAfterOf } from '../base/exchange.ts';
import type { Clock } from '../base/clock.ts';
import { type ChallengeAnswer, type ChallengeType, isToken } from './challenge-answers.ts';
import { makeChallengeCertificate } from './challenge-certificate.ts';
import type { AcmeAnswer, AcmeClient } from './client.ts';
import { secureUrl } from './directory.ts';
import type { Identifier } from '../base/identifier.ts';
import { serverNameOf } from './identifier.ts';
import { keyAuthorization } from './jws.ts';
import { Poll } from './poll.ts';
import { AcmeProblem, sayInnerProblem } from './problem.ts';

export type AuthorizationServices = {
  readonly client: AcmeClient;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly publish: (answers: readonly ChallengeAnswer[]) => Promise<void>;
};

type Pending = { readonly url: URL; readonly name: string; readonly challenge: URL; readonly answer: ChallengeAnswer };

/** Resolves when every authorization is valid. Rejects with what the CA says of the first that is not. */
export async function answerChallenges(
  type: ChallengeType,
  urls: readonly URL[],
  services: AuthorizationServices,
): Promise<void> {
  const { client, clock, signal, publish } = services;
  const pending: Pending[] = [];
  for (const url of urls) {
    const found = readAuthorization(await client.post(url, undefined), url, type, services);
    if (found !== undefined) pending.push(found);
  }
  if (pending.length === 0) return;
  try {
    await publish(pending.map(({ answer }) => answer));
    signal.throwIfAborted();
    for (const { challenge } of pending) await client.post(challenge, {});
    for (const { url, name } of pending) {
      const poll = new Poll({ clock, signal, what: `the authorization for ${name}` });
      for (;;) {
        const answer = await client.post(url, undefined);
        if (readAuthorization(answer, url, type, services) === undefined) break;
        await poll.pause(retryAfterOf(answer.headers, clock.now()), 'pending');
      }
    }
  } finally {
    await publish([]);
  }
}

/** undefined where it is valid. Throws where it is neither that nor pending, or offers no challenge of this type. */
function readAuthorization(
  { body }: AcmeAnswer,
  url: URL,
  type: ChallengeType,
  { client, clock }: AuthorizationServices,
): Pending | undefined {
  const identifier = readIdentifier(body?.['identifier']);
  const status = body?.['status'];
  if (status === 'valid') return undefined;
  const name = identifier.value;
  const challenges = (Array.isArray(body?.['challenges']) ? body['challenges'] : []) as Record<string, unknown>[];
  const found = challenges.find((one) => one['type'] === type);
  if (status !== 'pending') {
    const why = challenges.map((one) => sayInnerProblem(one['error'])).find((text) => text !== '') ?? '';
    throw new AcmeProblem(
      'authorizationInvalid',
      `the authorization for ${name} is ${String(status)}${why && `: ${why}`}`,
    );
  }
  if (found === undefined) {
    const offered = challenges.map((one) => one['type']).filter((one) => typeof one === 'string');
    throw new AcmeProblem(
      'noChallenge',
      `the CA offers no ${type} for ${name}; it offers ${offered.join(', ') || 'none'}`,
    );
  }
  const { token } = found;
  if (!isToken(token)) throw new AcmeProblem('malformedAnswer', `the challenge for ${name} has no token`);
  const authorization = keyAuthorization(client.account, token);
  const answer: ChallengeAnswer =
    type === 'http-01'
      ? { type, token, authorization }
      : {
          type,
          serverName: serverNameOf(identifier),
          ...makeChallengeCertificate(identifier, authorization, clock.now()),
        };
  return { url, name, challenge: secureUrl(found['url'], 'challenge'), answer };
}

function readIdentifier(value: unknown): Identifier {
  const { type, value: name } = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>;
  if ((type !== 'dns' && type !== 'ip') || typeof name !== 'string' || !/^[a-z0-9._:-]{1,255}$/.test(name))
    throw new AcmeProblem('malformedAnswer', 'an authorization does not say for which name it is');
  return { type, value: name };
}
