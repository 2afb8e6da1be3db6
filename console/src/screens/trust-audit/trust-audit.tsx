// The quarterly audit of whom the gateways trust: per CA bundle every anchor, whom it vouched for and when last, what is wrong with it;
// a decision about each, recorded for later with who, when and why.
import { useState } from 'react';
import type { Answer, Item } from '../../api/client.ts';
import { useAct, useRead, useReadAll } from '../../api/queries.ts';
import { useMay } from '../../api/session.tsx';
import { DownloadLink } from '../../parts/download-link.tsx';
import { Choice, TextBox } from '../../parts/fields.tsx';
import { EditForm } from '../../parts/form.tsx';
import { Hostile } from '../../parts/hostile.tsx';
import { Page, Panel } from '../../parts/page.tsx';
import { Empty, Loaded } from '../../parts/states.tsx';
import { SubNavigation } from '../../parts/sub-navigation.tsx';
import { type Column, DataTable } from '../../parts/table.tsx';
import { Tag, type Tone } from '../../parts/tag.tsx';
import { plural } from '../../parts/time.ts';
import { say } from '../../parts/toast.tsx';
import { useNow, When } from '../../parts/when.tsx';

type Review = Answer<'previewTrustAudit'>;
type Store = Review['stores'][number];
type Anchor = Store['anchors'][number];
type Recorded = Item<'listTrustAudits'>;
type Code = Anchor['findings'][number]['code'];
type Decided = { readonly decision: 'keep' | 'remove' | 'ask'; readonly note: string };
type Decisions = Readonly<Record<string, Decided | undefined>>;

/** The server counts a quarter so. */
const quarterMs = 92 * 86_400_000;

const words: Readonly<Record<Code, { readonly label: string; readonly tone: Tone }>> = {
  expired: { label: 'expired', tone: 'bad' },
  weak: { label: 'weak', tone: 'bad' },
  stale: { label: 'stale', tone: 'due' },
  expires_soon: { label: 'expires soon', tone: 'due' },
  duplicate: { label: 'duplicate', tone: 'due' },
  cross_signed: { label: 'cross-signed', tone: 'plain' },
};

const options = [
  { id: 'none', label: 'no decision' },
  { id: 'keep', label: 'keep' },
  { id: 'remove', label: 'remove' },
  { id: 'ask', label: 'ask the owner' },
];

const keyOf = (store: Store, anchor: Anchor): string => `${store.kind} ${store.id} ${anchor.sha256}`;

export default function TrustAudit() {
  const review = useRead('previewTrustAudit', {});
  const recorded = useReadAll('listTrustAudits', {});
  const mayRecord = useMay('trustAudits.record');
  const [decisions, setDecisions] = useState<Decisions>({});
  return (
    <Page
      title="Trust audit"
      sub="Whom the gateways trust, who came by it, and what may go. Once a quarter somebody decides and records it."
    >
      <SubNavigation of="changes" />
      <Loaded query={recorded}>{({ items }) => <Due last={items[0]} />}</Loaded>
      <Loaded query={review}>
        {({ body }) => (
          <>
            <Basis review={body} />
            {body.stores.length === 0 && (
              <Panel label="Trust stores">
                <Empty title="Nobody is trusted">No CA bundle, and no policy that asks for client certificates.</Empty>
              </Panel>
            )}
            {body.stores.map((store) => (
              <OneStore
                key={`${store.kind} ${store.id}`}
                store={store}
                decisions={decisions}
                onDecide={
                  mayRecord ? (key, decided) => setDecisions((before) => ({ ...before, [key]: decided })) : undefined
                }
              />
            ))}
            {mayRecord && <RecordIt review={body} decisions={decisions} onDone={() => setDecisions({})} />}
          </>
        )}
      </Loaded>
      <Loaded query={recorded}>{({ items }) => <Earlier items={items} />}</Loaded>
    </Page>
  );
}

function Due({ last }: { readonly last: Recorded | undefined }) {
  const now = useNow();
  if (last === undefined) return <p>No audit has been recorded yet.</p>;
  const isOverdue = now - Date.parse(last.at) > quarterMs;
  return (
    <p>
      {isOverdue && <Tag tone="due">overdue</Tag>} The last one was recorded <When at={last.at} /> by{' '}
      <Hostile text={last.by} />.
    </p>
  );
}

function Basis({ review }: { readonly review: Review }) {
  const { since, gateways, staleDays } = review;
  if (since === null) return <p>No gateway keeps a record of clients: who vouched for whom is not known.</p>;
  return (
    <p>
      Clients are remembered since <When at={since} /> by {plural(gateways.length, 'gateway', 'gateways')}:{' '}
      <Hostile text={gateways.map(({ name }) => name).join(', ')} max={1000} />. Stale is what vouched for nobody in{' '}
      {staleDays} days.
    </p>
  );
}

type StoreProps = {
  readonly store: Store;
  readonly decisions: Decisions;
  /** Absent where he may not record. */
  readonly onDecide: ((key: string, decided: Decided | undefined) => void) | undefined;
};

const facts: readonly Column<Anchor>[] = [
  {
    id: 'subject',
    title: 'Anchor',
    cell: ({ subject, sha256, key }) => (
      <>
        <Hostile text={subject} max={160} />{' '}
        <small>
          {key}, <span className="mono">{sha256.slice(0, 16)}…</span>
        </small>
      </>
    ),
    isRowHeader: true,
  },
  { id: 'findings', title: 'Findings', cell: ({ findings }) => <Findings findings={findings} /> },
  {
    id: 'used',
    title: 'Vouched for',
    cell: (anchor) => <Used anchor={anchor} />,
  },
  { id: 'until', title: 'Valid until', cell: ({ notAfter }) => <When at={notAfter} /> },
];

function decisionColumn(
  store: Store,
  decisions: Decisions,
  onDecide: NonNullable<StoreProps['onDecide']>,
): Column<Anchor> {
  const cell = (anchor: Anchor) => {
    const key = keyOf(store, anchor);
    return <Decide anchor={anchor} decided={decisions[key]} onChange={(decided) => onDecide(key, decided)} />;
  };
  return { id: 'decision', title: 'Decision', cell };
}

function OneStore({ store, decisions, onDecide }: StoreProps) {
  const { kind, id, policies, anchors } = store;
  const name = kind === 'bundle' ? `CA bundle ${id}` : `Policy ${id}, CAs of its own`;
  const columns = onDecide === undefined ? facts : [...facts, decisionColumn(store, decisions, onDecide)];
  return (
    <Panel title={<Hostile text={name} />} label={name} padded>
      <p>
        {policies.length === 0
          ? 'Only backends are verified by it, or nobody.'
          : `Clients of ${policies.length === 1 ? 'policy' : 'policies'} `}
        {policies.length > 0 && <Hostile text={policies.join(', ')} max={500} />}
      </p>
      <DataTable label={`Anchors of ${name}`} columns={columns} rows={anchors} keyOf={({ sha256 }) => sha256} />
    </Panel>
  );
}

function Findings({ findings }: { readonly findings: Anchor['findings'] }) {
  if (findings.length === 0) return <Tag tone="ok">nothing</Tag>;
  return (
    <ul>
      {findings.map(({ code, detail }) => (
        <li key={`${code} ${detail}`}>
          <Tag tone={words[code].tone}>{words[code].label}</Tag>{' '}
          <small>
            <Hostile text={detail} max={300} />
          </small>
        </li>
      ))}
    </ul>
  );
}

function Used({ anchor }: { readonly anchor: Anchor }) {
  const { clients, lastUsed, usedAt, identities } = anchor;
  if (clients === null) return 'not counted';
  if (lastUsed === null) return 'nobody, as far as is remembered';
  return (
    <>
      {plural(clients, 'client', 'clients')}, last <When at={lastUsed} show="distance" /> at{' '}
      <Hostile text={usedAt.map(({ gateway }) => gateway).join(', ')} max={300} />
      {identities.length > 0 && (
        <details>
          <summary>Who</summary>
          <ul>
            {identities.map(({ sha256, name, gateways }) => (
              <li key={sha256}>
                <Hostile text={name} max={200} />{' '}
                <small>
                  <Hostile text={gateways.join(', ')} max={200} />
                </small>
              </li>
            ))}
          </ul>
        </details>
      )}
    </>
  );
}

type DecideProps = {
  readonly anchor: Anchor;
  readonly decided: Decided | undefined;
  readonly onChange: (decided: Decided | undefined) => void;
};

function Decide({ anchor, decided, onChange }: DecideProps) {
  const about = anchor.subject.slice(0, 80);
  return (
    <>
      <Choice
        name={`decision-${anchor.sha256}`}
        label={`Decision about ${about}`}
        value={decided?.decision ?? 'none'}
        onChange={(next) =>
          onChange(next === 'none' ? undefined : { decision: next as Decided['decision'], note: decided?.note ?? '' })
        }
        options={options}
      />
      {decided !== undefined && (
        <TextBox
          name={`note-${anchor.sha256}`}
          label={`Note about ${about}`}
          value={decided.note}
          onChange={(note) => onChange({ ...decided, note })}
        />
      )}
    </>
  );
}

type RecordProps = { readonly review: Review; readonly decisions: Decisions; readonly onDone: () => void };

function RecordIt({ review, decisions, onDone }: RecordProps) {
  const [reason, setReason] = useState('');
  const record = useAct('recordTrustAudit', {
    onDone: ({ body }) => {
      say(`The audit is recorded as ${body.id}.`);
      setReason('');
      onDone();
    },
  });
  const decided = review.stores.flatMap((store) =>
    store.anchors.flatMap((anchor) => {
      const found = decisions[keyOf(store, anchor)];
      return found === undefined
        ? []
        : [{ store: { kind: store.kind, id: store.id }, sha256: anchor.sha256, ...found }];
    }),
  );
  return (
    <Panel title="Record this audit" padded>
      <EditForm
        label="Record this audit"
        fields={['/reason', '/decisions']}
        problem={record.problem}
        isRunning={record.isRunning}
        submit="Record this audit"
        onSubmit={() => void record.run({ body: { staleDays: review.staleDays, reason, decisions: decided } })}
      >
        <p>
          {plural(decided.length, 'decision', 'decisions')} of{' '}
          {plural(review.stores.flatMap(({ anchors }) => anchors).length, 'anchor', 'anchors')}. What is recorded cannot
          be changed.
        </p>
        <TextBox name="/reason" label="Reason" value={reason} onChange={setReason} isRequired />
      </EditForm>
    </Panel>
  );
}

const recordedColumns: readonly Column<Recorded>[] = [
  { id: 'at', title: 'Recorded', cell: ({ at }) => <When at={at} />, isRowHeader: true },
  { id: 'by', title: 'By', cell: ({ by }) => <Hostile text={by} /> },
  { id: 'reason', title: 'Reason', cell: ({ reason }) => <Hostile text={reason} max={300} /> },
  {
    id: 'decided',
    title: 'Decisions',
    cell: ({ decided, findings, anchors }) =>
      `${decided.keep} keep, ${decided.remove} remove, ${decided.ask} ask; ${findings} of ${anchors} with findings`,
  },
  {
    id: 'file',
    title: 'To keep',
    cell: ({ id }) => (
      <>
        <DownloadLink href={`/api/v1/trust-audits/${id}`} name={`trust-audit-${id}.json`}>
          JSON
        </DownloadLink>{' '}
        <DownloadLink href={`/api/v1/trust-audits/${id}:csv`} name={`trust-audit-${id}.csv`}>
          CSV
        </DownloadLink>
      </>
    ),
  },
];

function Earlier({ items }: { readonly items: readonly Recorded[] }) {
  if (items.length === 0) return null;
  return (
    <Panel title="Recorded audits" label="Recorded audits" padded>
      <DataTable
        label="Recorded audits"
        columns={recordedColumns}
        rows={items}
        keyOf={({ id }) => id}
        sortName="order"
      />
    </Panel>
  );
}
