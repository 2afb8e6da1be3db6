// What the lists of certificates have in common.
import { Go } from '../../parts/button.tsx';
import { type CertificateFacts, ExpiryTag } from '../../parts/certificate.tsx';
import { firstToEnd } from '../../parts/expiry.ts';
import { type Origin, whereIs } from '../../parts/origin.tsx';
import { Tag } from '../../parts/tag.tsx';
import { useNow, When } from '../../parts/when.tsx';

export function Named({
  to,
  id,
  origin,
}: {
  readonly to: '/certificates/$id' | '/ca-bundles/$id';
  readonly id: string;
  readonly origin: Origin;
}) {
  return (
    <>
      <Go to={to} params={{ id } as never}>
        {id}
      </Go>{' '}
      {origin.kind === 'file' && <small className="mono">{whereIs(origin)}</small>}
    </>
  );
}

type Shown = readonly CertificateFacts[];

export function Ends({ of }: { readonly of: Shown }) {
  const first = firstToEnd(of, useNow());
  if (first === undefined) return <Tag tone="plain">not running</Tag>;
  return (
    <>
      <ExpiryTag of={first} />{' '}
      <small>
        <When at={first.notAfter} show="date" />
      </small>
    </>
  );
}

export function subjectsOf(chain: Shown): readonly string[] {
  return chain.flatMap(({ subject, sans }) => [subject, ...sans.map(({ value }) => value)]);
}

export function fits(filter: string, words: readonly string[]): boolean {
  const text = filter.toLowerCase();
  return text === '' || words.some((word) => word.toLowerCase().includes(text));
}
