// Tokens for programs: what each may do, until when, when it was used last. A secret is shown once.
import { useState } from 'react';
import type { Item } from '../../api/client.ts';
import { useAct, useReadAll } from '../../api/queries.ts';
import { useMay, useMe } from '../../api/session.tsx';
import { Action } from '../../parts/button.tsx';
import { CodeBlock } from '../../parts/copy.tsx';
import { ConfirmDialog, OpenDialog } from '../../parts/dialog.tsx';
import { Check, TextBox } from '../../parts/fields.tsx';
import { EditForm, FieldRow } from '../../parts/form.tsx';
import { Hostile } from '../../parts/hostile.tsx';
import { Page, Panel } from '../../parts/page.tsx';
import { Empty, Loaded } from '../../parts/states.tsx';
import { SubNavigation } from '../../parts/sub-navigation.tsx';
import { type Column, DataTable } from '../../parts/table.tsx';
import { Tag } from '../../parts/tag.tsx';
import { say } from '../../parts/toast.tsx';
import { useNow, When } from '../../parts/when.tsx';
import type { Body } from '../../api/client.ts';

type Token = Item<'listTokens'>;
type Scope = Body<'createToken'>['scopes'][number];

/** In the order in which somebody gives them. */
const scopes: readonly (readonly [scope: Scope, says: string])[] = [
  ['config.read', 'read certificates, services, routes and policies'],
  ['changes.read', 'read changes'],
  ['gateways.read', 'read what gateways run'],
  ['routes.match', 'ask which route takes a request'],
  ['alerts.write', 'silence alerts'],
  ['alerts.test', 'send test messages to receivers of alerts'],
  ['certificates.inspect', 'have uploads inspected'],
  ['services.probe', 'probe services'],
  ['config.plan', 'ask what a change would do'],
  ['config.write', 'change services, routes, policies and bundles'],
  ['certificates.write', 'add and replace certificates'],
  ['users.read', 'read users'],
  ['audit.read', 'read the audit log'],
  ['account.read', 'read its own user'],
];

export default function Tokens() {
  const query = useReadAll('listTokens');
  const mayWrite = useMay('tokens.write');
  const now = useNow();
  const [isNew, setNew] = useState(false);
  const [removed, setRemoved] = useState<Token>();
  const create = mayWrite && <Action onPress={() => setNew(true)}>New token</Action>;
  return (
    <Page
      title="Tokens"
      sub="For programs that call the API. A token may never do more than its user."
      actions={create}
    >
      <SubNavigation of="changes" />
      <Panel label="Tokens">
        <Loaded query={query}>
          {({ items }) =>
            items.length === 0 ? (
              <Empty title="There are no tokens" actions={create}>
                A token lets a program do what you may do, or a part of it, until a day that you name.
              </Empty>
            ) : (
              <DataTable
                label="Tokens"
                columns={columnsOf(now, mayWrite ? setRemoved : undefined)}
                rows={items}
                keyOf={({ id }) => id}
              />
            )
          }
        </Loaded>
      </Panel>
      {isNew && <NewToken onClose={() => setNew(false)} />}
      {removed !== undefined && <EndToken token={removed} onClose={() => setRemoved(undefined)} />}
    </Page>
  );
}

function columnsOf(now: number, onEnd: ((token: Token) => void) | undefined): Column<Token>[] {
  const columns: Column<Token>[] = [
    {
      id: 'name',
      title: 'Name',
      cell: ({ name }) => <Hostile text={name} />,
      sortBy: ({ name }) => name,
      isRowHeader: true,
    },
    { id: 'scopes', title: 'May', cell: ({ scopes: all }) => <span className="mono">{all.join(', ')}</span> },
    {
      id: 'used',
      title: 'Last used',
      cell: ({ usedAt }) => (usedAt === null ? 'never' : <When at={usedAt} show="distance" />),
      sortBy: ({ usedAt }) => usedAt ?? '',
    },
    {
      id: 'ends',
      title: 'Ends',
      cell: ({ expiresAt }) => (Date.parse(expiresAt) < now ? <Tag tone="bad">ended</Tag> : <When at={expiresAt} />),
      sortBy: ({ expiresAt }) => expiresAt,
    },
  ];
  if (onEnd === undefined) return columns;
  const acts: Column<Token> = {
    id: 'acts',
    title: 'Acts',
    align: 'end',
    cell: (token) => (
      <Action kind="quiet" onPress={() => onEnd(token)} aria-label={`End ${token.name}`}>
        End
      </Action>
    ),
  };
  return [...columns, acts];
}

function NewToken({ onClose }: { readonly onClose: () => void }) {
  const { acts } = useMe();
  const [name, setName] = useState('');
  const [days, setDays] = useState('30');
  const [chosen, setChosen] = useState<readonly Scope[]>(['config.read']);
  const create = useAct('createToken', { outdates: ['listTokens'] });
  const secret = create.reply?.body.secret ?? undefined;
  if (secret !== undefined) {
    return (
      <OpenDialog title={`Token ${name}`} onClose={onClose} isFirm>
        <p>This is the only time that it is shown. Whoever has it may do what it may do.</p>
        <CodeBlock label="The token" text={secret} />
        <Action kind="primary" onPress={onClose}>
          I have kept it
        </Action>
      </OpenDialog>
    );
  }
  const offered = scopes.filter(([scope]) => acts.includes(scope));
  return (
    <OpenDialog title="New token" onClose={onClose} wide>
      <EditForm
        label="New token"
        fields={['/name', '/days', '/scopes']}
        problem={create.problem}
        isRunning={create.isRunning}
        submit="Make the token"
        buttons={<Action onPress={onClose}>Cancel</Action>}
        onSubmit={() => void create.run({ body: { name, days: Number(days), scopes: [...chosen] } })}
      >
        <TextBox name="/name" label="Name" value={name} onChange={setName} hint="What uses it." isRequired autoFocus />
        <TextBox name="/days" label="Days" value={days} onChange={setDays} inputMode="numeric" isRequired />
        <FieldRow label="May">
          {offered.map(([scope, says]) => (
            <Check
              key={scope}
              value={chosen.includes(scope)}
              onChange={(on) => setChosen((all) => (on ? [...all, scope] : all.filter((one) => one !== scope)))}
            >
              <span className="mono">{scope}</span>: {says}
            </Check>
          ))}
        </FieldRow>
      </EditForm>
    </OpenDialog>
  );
}

function EndToken({ token, onClose }: { readonly token: Token; readonly onClose: () => void }) {
  const end = useAct('deleteToken', {
    outdates: ['listTokens'],
    onDone: () => {
      say(`${token.name} has ended.`);
      onClose();
    },
  });
  return (
    <ConfirmDialog
      title={`End ${token.name}?`}
      act="End it"
      isRunning={end.isRunning}
      problem={end.problem}
      onConfirm={() => void end.run({ params: { id: token.id } })}
      onClose={onClose}
    >
      <p>Whatever uses it is refused from then on. This cannot be taken back; a new token can be made.</p>
    </ConfirmDialog>
  );
}
