// The client of the product against an ACME server, without a gateway: who answers the challenges is the test.
import { systemClock } from '../../src/base/clock.ts';
import { type Ask, askBy } from '../../src/base/exchange.ts';
import { type AccountSettings, AcmeClient } from '../../src/acme/client.ts';
import type { ChallengeAnswer } from '../../src/acme/challenge-answers.ts';
import { identifierOf } from '../../src/base/identifier.ts';
import { type AccountKey, makeAccountKey } from '../../src/acme/jws.ts';
import { type IssuedCertificate, obtainCertificate, type OpenOrder, type Order } from '../../src/acme/order.ts';

export type Customer = {
  readonly client: AcmeClient;
  /** What was kept of orders, in order; undefined: it was over. */
  readonly kept: (OpenOrder | undefined)[];
  /** What the CA is to find, from now on. */
  readonly published: (readonly ChallengeAnswer[])[];
  readonly order: (names: readonly string[], more?: Partial<Order>, begun?: OpenOrder) => Promise<IssuedCertificate>;
};

export type CustomerOptions = {
  readonly directory: string;
  readonly ca: string;
  readonly publish: (answers: readonly ChallengeAnswer[]) => void;
  readonly account?: AccountKey;
  readonly kid?: string;
  readonly settings?: Partial<AccountSettings>;
  readonly signal?: AbortSignal;
  /** Default: asks over the network. */
  readonly ask?: Ask;
};

/** With an account. */
export async function openCustomer(options: CustomerOptions): Promise<Customer> {
  const { directory, ca, settings, signal = new AbortController().signal, ask = askBy(systemClock) } = options;
  const account = options.account ?? (await makeAccountKey());
  const client = new AcmeClient({ server: { directory, ca }, account, kid: options.kid, ask, clock: systemClock });
  await client.openAccount({ email: 'ops@example.com', termsOfServiceAgreed: true, eab: undefined, ...settings });
  const kept: (OpenOrder | undefined)[] = [];
  const published: (readonly ChallengeAnswer[])[] = [];
  const publish = async (answers: readonly ChallengeAnswer[]): Promise<void> => {
    published.push(answers);
    options.publish(answers);
  };
  const keep = (order: OpenOrder | undefined): void => void kept.push(order);
  return {
    client,
    kept,
    published,
    order: async (names, more = {}, begun) => {
      const identifiers = names.map((name) => identifierOf(name) ?? { type: 'dns' as const, value: name });
      const usual = {
        challenge: 'http-01',
        keyType: 'ec-p256',
        preferredChain: undefined,
        profile: undefined,
        replaces: undefined,
      } as const;
      return obtainCertificate({ identifiers, ...usual, ...more }, begun, {
        client,
        clock: systemClock,
        signal,
        publish,
        keep,
      });
    },
  };
}
