// One certificate ordered from its beginning to its end (RFC 8555 section 7.4): the order, an authorization for each name, the challenges,
// the request, the chain. What was begun is kept by the caller at once, so that a gateway that stops in the middle goes on with it. What
// comes back is not believed here: whoever uses it verifies it (trust/check-issued.ts).
import { createPrivateKey, type KeyObject } from 'node:crypto';
import { retryAfterOf } from '../base/exchange.ts';
import type { Clock } from '../base/clock.ts';
import { writeCsr } from '../certs/csr-writer.ts';
import { type KeyType, makeLeafKey } from '../certs/leaf-key.ts';
import { answerChallenges } from './authorization.ts';
import type { ChallengeAnswer, ChallengeType } from './challenge-answers.ts';
import { downloadChain } from './chain-choice.ts';
import type { AcmeAnswer, AcmeClient } from './client.ts';
import { secureUrl } from './directory.ts';
import type { Identifier } from '../base/identifier.ts';
import { sanOf } from './identifier.ts';
import { Poll } from './poll.ts';
import { AcmeProblem, sayInnerProblem } from './problem.ts';

export type Order = {
  readonly identifiers: readonly Identifier[];
  readonly challenge: ChallengeType;
  readonly keyType: KeyType;
  /** Common name of the root, or of what issued the last certificate of the chain; undefined: the CA's first chain. */
  readonly preferredChain: string | undefined;
  /** Of the server's; undefined: its usual one. */
  readonly profile: string | undefined;
  /** The certificate that this one follows (RFC 9773 section 5), by its id. */
  readonly replaces: string | undefined;
};

/** An order that was begun. The key is made before the order is sent, and never changes. */
export type OpenOrder = { readonly url: string; readonly keyPem: string; readonly names: readonly string[] };

export type OrderServices = {
  readonly client: AcmeClient;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Resolves when every worker answers these, and no others. */
  readonly publish: (answers: readonly ChallengeAnswer[]) => Promise<void>;
  /** Default: makeLeafKey. */
  readonly makeKey?: typeof makeLeafKey;
  /** Keeps the order where it outlives this process; undefined: it is over. */
  readonly keep: (order: OpenOrder | undefined) => void;
};

export type IssuedCertificate = { readonly chainPem: string; readonly keyPem: string };

/** Rejects with AcmeProblem, ExchangeFailure or the reason of the signal. */
export async function obtainCertificate(
  order: Order,
  begun: OpenOrder | undefined,
  services: OrderServices,
): Promise<IssuedCertificate> {
  const { client, clock, signal, keep } = services;
  const { open, answer } = (await resume(order, begun, services)) ?? (await begin(order, services));
  const url = secureUrl(open.url, 'order');
  const poll = new Poll({ clock, signal, what: 'the order' });
  let current = answer;
  for (;;) {
    signal.throwIfAborted();
    const status = statusOf(current);
    if (status === 'pending')
      await answerChallenges(order.challenge, urlsOf(current.body?.['authorizations']), services);
    else if (status === 'ready') {
      const csr = writeCsr({ subject: [], sans: order.identifiers.map(sanOf) }, createPrivateKey(open.keyPem));
      current = await client.post(secureUrl(current.body?.['finalize'], 'finalize'), {
        csr: csr.toString('base64url'),
      });
      if (statusOf(current) === 'valid') continue;
      await poll.pause(retryAfterOf(current.headers, clock.now()), statusOf(current));
    } else if (status === 'valid') {
      const chainPem = await downloadChain(
        client,
        secureUrl(current.body?.['certificate'], 'certificate'),
        order.preferredChain,
      );
      return { chainPem, keyPem: open.keyPem };
    } else if (status === 'processing') await poll.pause(retryAfterOf(current.headers, clock.now()), status);
    else {
      keep(undefined);
      const why = sayInnerProblem(current.body?.['error']);
      throw new AcmeProblem('orderInvalid', `the order is ${status}${why && `: ${why}`}`);
    }
    current = await client.post(url, undefined);
    // Authorizations are valid, and the order does not know it yet.
    if (status === 'pending' && statusOf(current) === 'pending') await poll.pause(undefined, 'pending');
  }
}

async function begin(order: Order, services: OrderServices): Promise<{ open: OpenOrder; answer: AcmeAnswer }> {
  const { client, keep, makeKey = makeLeafKey } = services;
  const { newOrder, profiles } = await client.directory();
  if (order.profile !== undefined && !profiles.includes(order.profile))
    throw new AcmeProblem(
      'invalidProfile',
      `the CA has no profile of that name; it has: ${profiles.join(', ') || 'none'}`,
    );
  const key = await makeKey(order.keyType);
  const wanted = {
    identifiers: order.identifiers,
    ...(order.profile === undefined ? {} : { profile: order.profile }),
  };
  const answer = await place(client, newOrder, wanted, order.replaces);
  const url = secureUrl(answer.headers.location, 'order').href;
  const open = { url, keyPem: exportKey(key), names: namesOf(order) };
  keep(open);
  return { open, answer };
}

/** An order that says what it replaces and is refused for it is sent once more without: a certificate counts more than the courtesy. */
async function place(client: AcmeClient, url: URL, wanted: object, replaces: string | undefined): Promise<AcmeAnswer> {
  if (replaces === undefined) return client.post(url, wanted);
  try {
    return await client.post(url, { ...wanted, replaces });
  } catch (error) {
    if (!(error instanceof AcmeProblem) || !['alreadyReplaced', 'malformed'].includes(error.type)) throw error;
    return client.post(url, wanted);
  }
}

/** undefined where there is nothing to go on with: it is over, for other names, or the server knows nothing of it. */
async function resume(
  order: Order,
  begun: OpenOrder | undefined,
  { client, keep }: OrderServices,
): Promise<{ open: OpenOrder; answer: AcmeAnswer } | undefined> {
  if (begun === undefined) return undefined;
  if (namesOf(order).join() === begun.names.join()) {
    try {
      const answer = await client.post(secureUrl(begun.url, 'order'), undefined);
      if (statusOf(answer) !== 'invalid') return { open: begun, answer };
    } catch (error) {
      if (!(error instanceof AcmeProblem) || !isForgotten(error)) throw error;
    }
  }
  keep(undefined);
  return undefined;
}

function isForgotten({ status, type }: AcmeProblem): boolean {
  return status === 404 || status === 410 || type === 'malformed' || type === 'unauthorized';
}

function namesOf({ identifiers }: Order): string[] {
  return identifiers.map(({ value }) => value).toSorted();
}

function exportKey(key: KeyObject): string {
  return key.export({ format: 'pem', type: 'pkcs8' });
}

function statusOf({ body }: AcmeAnswer): string {
  const status = body?.['status'];
  return typeof status === 'string' ? status : 'without a status';
}

function urlsOf(value: unknown): URL[] {
  return Array.isArray(value) ? value.map((one) => secureUrl(one, 'authorization')) : [];
}
