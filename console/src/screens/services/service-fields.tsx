// The fields of a service, in the words of a service page: source, address, TLS mode, certificate id, CA certificate, server name. Under
// the last one stands what will be sent and verified, before anything is saved.
import type { ReactNode } from 'react';
import { useReadAll } from '../../api/queries.ts';
import { Go } from '../../parts/button.tsx';
import { Choice, type Option, TextArea, TextBox } from '../../parts/fields.tsx';
import { expiryTag } from '../../parts/expiry.ts';
import { Hostile } from '../../parts/hostile.tsx';
import { plainHostile } from '../../parts/hostile-text.ts';
import { plural } from '../../parts/time.ts';
import { type InspectionState, type Upload, UploadBox } from '../../parts/upload-box.tsx';
import { useNow } from '../../parts/when.tsx';
import { type NameCheck, nameCheckOf, pastedCa, type ServiceDraft, type TlsMode } from './draft.ts';

/** Names of the fields that belong to the document of a service, below `at`: for errors to find them. */
export function serviceFieldNames(at: string): readonly string[] {
  return [
    'address',
    'addresses',
    'source',
    'protocol',
    'tls/mode',
    'tls/certificateId',
    'tls/caBundle',
    'tls/serverName',
  ].map((name) => `${at}/${name}`);
}

export const fieldWords: Readonly<Record<string, string>> = {
  '/source': 'Service source',
  '/address': 'Service address',
  '/addresses': 'Service addresses',
  '/protocol': 'Protocol',
  '/tls/mode': 'TLS mode',
  '/tls/certificateId': 'Certificate ID',
  '/tls/caBundle': 'CA certificate',
  '/tls/serverName': 'Server name (SNI)',
};

const modes: readonly Option[] = [
  {
    id: 'mtls',
    label: 'Mutual TLS: we check them, they check us',
    detail: 'They learn who we are by the certificate below.',
  },
  { id: 'tls', label: 'TLS: we check them', detail: 'They do not learn who we are.' },
  { id: 'off', label: 'Off: plain text', detail: 'Everybody on the way can read and change it.' },
];
const sources: readonly Option[] = [
  { id: 'dns', label: 'DNS domain', detail: 'One name, all its addresses, looked up again as they expire.' },
  { id: 'static', label: 'Fixed addresses', detail: 'A list, with weights where you want them.' },
];
const protocols: readonly Option[] = [
  { id: 'auto', label: 'HTTP/2 where they agree to it', detail: 'By ALPN; else HTTP/1.1.' },
  { id: 'http1', label: 'HTTP/1.1' },
  { id: 'http2', label: 'HTTP/2', detail: 'Or the connection is refused.' },
];

export type PastedCa = {
  readonly upload: Upload;
  readonly onUpload: (upload: Upload) => void;
  readonly state: InspectionState;
  readonly id: string;
  readonly onId: (id: string) => void;
  /** Name of the field of its id, for errors. */
  readonly idField: string;
};

export type ServiceFieldsProps = {
  readonly at: string;
  readonly draft: ServiceDraft;
  readonly onChange: (draft: ServiceDraft) => void;
  /** Without it only what is there already can be chosen. */
  readonly pasted?: PastedCa;
};

export function ServiceFields({ at, draft, onChange, pasted }: ServiceFieldsProps) {
  const set = (over: Partial<ServiceDraft>): void => onChange({ ...draft, ...over });
  const { mode } = draft;
  return (
    <>
      {draft.source === 'static' ? (
        <TextArea
          name={`${at}/addresses`}
          label="Service addresses"
          value={draft.addresses}
          onChange={(addresses) => set({ addresses })}
          placeholder={'10.0.4.7:8443\n10.0.4.8:8443 3'}
          hint="One host:port on each line; a number behind it is its weight."
          isRequired
          mono
        />
      ) : (
        <TextBox
          name={`${at}/address`}
          label="Service address"
          value={draft.address}
          onChange={(address) => set({ address })}
          placeholder="orders.internal:8443"
          hint="host:port"
          isRequired
          mono
        />
      )}
      <Choice
        name={`${at}/tls/mode`}
        label="TLS mode"
        value={mode}
        onChange={(next) => set({ mode: next as TlsMode })}
        options={modes}
      />
      {mode === 'mtls' && (
        <CertificateChoice at={at} value={draft.certificateId} onChange={(certificateId) => set({ certificateId })} />
      )}
      {mode !== 'off' && (
        <>
          <CaChoice at={at} value={draft.ca} onChange={(ca) => set({ ca })} canPaste={pasted !== undefined} />
          {pasted !== undefined && draft.ca === pastedCa && <PastedFields {...pasted} />}
          <TextBox
            name={`${at}/tls/serverName`}
            label="Server name (SNI)"
            value={draft.serverName}
            onChange={(serverName) => set({ serverName })}
            placeholder={placeholderOf(nameCheckOf({ ...draft, serverName: '' }))}
            hint={<NameSentence check={nameCheckOf(draft)} />}
            mono
          />
        </>
      )}
      <Choice
        name={`${at}/protocol`}
        label="Protocol"
        value={draft.protocol}
        onChange={(protocol) => set({ protocol: protocol as ServiceDraft['protocol'] })}
        options={protocols}
      />
    </>
  );
}

export function SourceChoice({ at, draft, onChange }: Pick<ServiceFieldsProps, 'at' | 'draft' | 'onChange'>) {
  return (
    <Choice
      name={`${at}/source`}
      label="Service source"
      value={draft.source}
      onChange={(source) => onChange({ ...draft, source: source as ServiceDraft['source'] })}
      options={sources}
    />
  );
}

function CertificateChoice({
  at,
  value,
  onChange,
}: {
  readonly at: string;
  readonly value: string;
  readonly onChange: (id: string) => void;
}) {
  const now = useNow();
  const { data } = useReadAll('listCertificates');
  const options = (data?.items ?? []).flatMap((one): Option[] => {
    const leaf = one.running ? one.chain[0] : undefined;
    return leaf === undefined
      ? []
      : [
          {
            id: one.id,
            label: one.id,
            detail: `${plainHostile(leaf.subject, 60)} ← ${plainHostile(leaf.issuer, 60)}, ${expiryTag(leaf, now).text}${clientAuth(leaf.extendedKeyUsage)}`,
          },
        ];
  });
  const add = (
    <Go to="/certificates/new" search={{ use: 'client' } as never}>
      Add a certificate
    </Go>
  );
  return (
    <Choice
      name={`${at}/tls/certificateId`}
      label="Certificate ID"
      value={value === '' ? null : value}
      onChange={onChange}
      options={options}
      placeholder={options.length === 0 ? 'There is none yet' : 'Choose what we show them'}
      hint={
        options.length === 0 ? (
          <>What we show them: a CA that they believe has to have issued it. {add}</>
        ) : (
          (options.find(({ id }) => id === value)?.detail ?? 'What we show them.')
        )
      }
    />
  );
}

function clientAuth(usage: readonly string[] | null): string {
  return usage === null || usage.includes('1.3.6.1.5.5.7.3.2') ? ', clientAuth ✓' : ', not for clients ✕';
}

function CaChoice({
  at,
  value,
  onChange,
  canPaste,
}: {
  readonly at: string;
  readonly value: string;
  readonly onChange: (id: string) => void;
  readonly canPaste: boolean;
}) {
  const { data } = useReadAll('listCaBundles');
  const options: Option[] = [
    ...(canPaste
      ? [
          {
            id: pastedCa,
            label: 'Paste or upload it here',
            detail: 'It becomes a CA bundle that other services can use.',
          },
        ]
      : []),
    ...(data?.items ?? []).flatMap((one) =>
      one.running
        ? [
            {
              id: one.id,
              label: one.id,
              detail: `CA bundle: ${plainHostile(one.certificates[0]?.subject ?? 'no certificate', 60)}${one.certificates.length > 1 ? ` and ${plural(one.certificates.length - 1, 'more', 'more')}` : ''}`,
            },
          ]
        : [],
    ),
    { id: 'system', label: 'The CAs of the system', detail: 'Every public CA: for what is on the internet.' },
  ];
  return (
    <Choice
      name={`${at}/tls/caBundle`}
      label="CA certificate"
      value={value === '' ? null : value}
      onChange={onChange}
      options={options}
      placeholder="Choose who must have issued theirs"
      hint="Who must have issued theirs."
    />
  );
}

function PastedFields({ upload, onUpload, state, id, onId, idField }: PastedCa) {
  return (
    <>
      <UploadBox label="CA certificate, PEM" upload={upload} onChange={onUpload} state={state} />
      <TextBox
        name={idField}
        label="Name of the CA bundle"
        value={id}
        onChange={onId}
        hint="It is saved under this name, which other services can use."
        isRequired
        mono
      />
    </>
  );
}

function placeholderOf(check: NameCheck): string {
  return check.kind === 'name' ? check.name : '';
}

export function NameSentence({ check }: { readonly check: NameCheck }): ReactNode {
  if (check.kind === 'none')
    return 'Empty: the host of the address is sent, and must be among the names of their certificate.';
  if (check.kind === 'name')
    return (
      <>
        {check.isOwn ? '' : 'Empty: '}
        <Hostile text={check.name} mono /> is sent, and must be among the names of their certificate.
      </>
    );
  if (check.kind === 'address')
    return (
      <>
        No name is sent, since <Hostile text={check.address} mono /> is an IP address; it must be among the IP addresses
        of their certificate.
      </>
    );
  return (
    <>
      Each is sent its own host ({check.hosts.slice(0, 4).join(', ')}
      {check.hosts.length > 4 && ', …'}), which must be among the names of its certificate.
    </>
  );
}
