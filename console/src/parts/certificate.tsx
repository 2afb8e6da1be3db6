// A certificate, and a chain of them, as people read them: whose, by whom, until when, and behind a button everything else.
import type { Answer } from '../api/client.ts';
import { CopyButton } from './copy.tsx';
import { expiryTag } from './expiry.ts';
import { Hostile } from './hostile.tsx';
import { Facts } from './page.tsx';
import { Tag } from './tag.tsx';
import { plural } from './time.ts';
import { useNow, When } from './when.tsx';
import css from './certificate.module.css';

/** As the API shows one. */
export type CertificateFacts = Answer<'inspectCertificates'>['certificates'][number];

export function ExpiryTag({ of }: { readonly of: Pick<CertificateFacts, 'notBefore' | 'notAfter' | 'state'> }) {
  const { tone, text } = expiryTag(of, useNow());
  return <Tag tone={tone}>{text}</Tag>;
}

/** `CN=orders ← CN=Internal CA` */
export function SubjectAndIssuer({ of: { subject, issuer } }: { readonly of: CertificateFacts }) {
  return (
    <>
      <Hostile text={subject === '' ? 'no subject' : subject} />
      {issuer === subject ? (
        <small className={css['issuer']}>self-signed</small>
      ) : (
        <small className={css['issuer']}>
          ← <span className="visually-hidden">issued by </span>
          <Hostile text={issuer} />
        </small>
      )}
    </>
  );
}

/** Every certificate in turn; the first is the one that is shown to others. */
export function Chain({
  label,
  certificates,
}: {
  readonly label: string;
  readonly certificates: readonly CertificateFacts[];
}) {
  return (
    <ol className={css['chain']} aria-label={label}>
      {certificates.map((one, at) => (
        <li key={`${one.sha256} ${at}`}>
          <div className={css['line']}>
            <div className={css['names']}>
              <SubjectAndIssuer of={one} />
            </div>
            <ExpiryTag of={one} />
          </div>
          <details className={css['details']}>
            <summary>
              {one.isCa ? 'CA, ' : ''}
              {one.key}, until <When at={one.notAfter} show="date" />
            </summary>
            <CertificateDetails of={one} />
          </details>
        </li>
      ))}
    </ol>
  );
}

const usages: Readonly<Record<string, string>> = {
  '1.3.6.1.5.5.7.3.1': 'serverAuth',
  '1.3.6.1.5.5.7.3.2': 'clientAuth',
  '2.5.29.37.0': 'any',
};

export function CertificateDetails({ of }: { readonly of: CertificateFacts }) {
  const { sans, notBefore, notAfter, serial, sha256, spkiSha256, extendedKeyUsage } = of;
  return (
    <Facts
      items={[
        [
          'Names',
          sans.length === 0 ? (
            'none'
          ) : (
            <ul key="names" className={css['sans']}>
              {sans.slice(0, 50).map(({ type, value }) => (
                <li key={`${type} ${value}`}>
                  <small>{type}</small> <Hostile text={value} mono />
                </li>
              ))}
              {sans.length > 50 && <li>and {plural(sans.length - 50, 'more name')}</li>}
            </ul>
          ),
        ],
        ['Valid from', <When key="from" at={notBefore} />],
        ['Valid until', <When key="until" at={notAfter} />],
        [
          'Good for',
          extendedKeyUsage === null ? 'every purpose' : extendedKeyUsage.map((one) => usages[one] ?? one).join(', '),
        ],
        ['Serial', <Hostile key="serial" text={serial} mono />],
        [
          'SHA-256',
          <span key="sha" className={css['print']}>
            <span className="mono">{sha256}</span> <CopyButton text={sha256}>Copy fingerprint</CopyButton>
          </span>,
        ],
        [
          'Public key pin',
          <span key="pin" className={css['print']}>
            <span className="mono">{spkiSha256}</span>
          </span>,
        ],
      ]}
    />
  );
}
