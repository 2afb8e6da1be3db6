// Who may log in, and as what.
import { useState } from 'react';
import type { Item } from '../../api/client.ts';
import { useAct, useRead, useReadAll } from '../../api/queries.ts';
import { useMay, useMe } from '../../api/session.tsx';
import { Action } from '../../parts/button.tsx';
import { ConfirmDialog, OpenDialog } from '../../parts/dialog.tsx';
import { Check, type Option, Radios, TextBox } from '../../parts/fields.tsx';
import { EditForm } from '../../parts/form.tsx';
import { Hostile } from '../../parts/hostile.tsx';
import { Page, Panel } from '../../parts/page.tsx';
import { Loaded } from '../../parts/states.tsx';
import { SubNavigation } from '../../parts/sub-navigation.tsx';
import { type Column, DataTable } from '../../parts/table.tsx';
import { Tag } from '../../parts/tag.tsx';
import { say } from '../../parts/toast.tsx';
import { When } from '../../parts/when.tsx';

type User = Item<'listUsers'>;
type Role = User['role'];
type Open = { readonly kind: 'new' } | { readonly kind: 'edit' | 'delete'; readonly user: User };

const roles: readonly (Option & { readonly id: Role })[] = [
  { id: 'viewer', label: 'Viewer', detail: 'sees everything but users and the audit log, changes nothing' },
  { id: 'operator', label: 'Operator', detail: 'changes certificates, services, routes and policies, too' },
  { id: 'admin', label: 'Administrator', detail: 'users and their roles, too' },
];

export default function Users() {
  const query = useReadAll('listUsers');
  const mayWrite = useMay('users.write');
  const [open, setOpen] = useState<Open>();
  const close = (): void => setOpen(undefined);
  return (
    <Page
      title="Users"
      sub="Whose role changes, or who is shut out, is logged out everywhere at once."
      actions={mayWrite && <Action onPress={() => setOpen({ kind: 'new' })}>New user</Action>}
    >
      <SubNavigation of="changes" />
      <Panel label="Users">
        <Loaded query={query}>
          {({ items }) => (
            <DataTable
              label="Users"
              columns={columnsOf(mayWrite ? setOpen : undefined)}
              rows={items}
              keyOf={(user) => user.id}
            />
          )}
        </Loaded>
      </Panel>
      {open?.kind === 'new' && <NewUser onClose={close} />}
      {open?.kind === 'edit' && <EditUser id={open.user.id} onClose={close} />}
      {open?.kind === 'delete' && <DeleteUser user={open.user} onClose={close} />}
    </Page>
  );
}

function columnsOf(act: ((open: Open) => void) | undefined): Column<User>[] {
  const columns: Column<User>[] = [
    {
      id: 'name',
      title: 'Name',
      cell: ({ name }) => <Hostile text={name} />,
      sortBy: ({ name }) => name,
      isRowHeader: true,
    },
    { id: 'role', title: 'Role', cell: ({ role }) => labelOf(role), sortBy: ({ role }) => role },
    {
      id: 'state',
      title: 'State',
      cell: (user) => (user.disabled ? <Tag tone="bad">shut out</Tag> : <Tag tone="ok">{wayIn(user)}</Tag>),
    },
    {
      id: 'since',
      title: 'Since',
      cell: ({ createdAt }) => <When at={createdAt} show="date" />,
      sortBy: ({ createdAt }) => createdAt,
    },
  ];
  if (act === undefined) return columns;
  const acts: Column<User> = {
    id: 'acts',
    title: 'Acts',
    align: 'end',
    cell: (user) => (
      <>
        <Action kind="quiet" onPress={() => act({ kind: 'edit', user })} aria-label={`Edit ${user.name}`}>
          Edit
        </Action>
        <Action kind="quiet" onPress={() => act({ kind: 'delete', user })} aria-label={`Remove ${user.name}`}>
          Remove
        </Action>
      </>
    ),
  };
  return [...columns, acts];
}

function wayIn({ provider, hasPassword }: User): string {
  if (provider !== null) return 'signs in with the provider';
  return hasPassword ? 'may log in' : 'no password';
}

function labelOf(role: Role): string {
  return roles.find(({ id }) => id === role)?.label ?? role;
}

function NewUser({ onClose }: { readonly onClose: () => void }) {
  const [name, setName] = useState('');
  const [role, setRole] = useState<Role>('viewer');
  const [password, setPassword] = useState('');
  const create = useAct('createUser', {
    onDone: () => {
      say(`${name} can log in now.`);
      onClose();
    },
  });
  return (
    <OpenDialog title="New user" onClose={onClose}>
      <EditForm
        label="New user"
        fields={['/name', '/role', '/password']}
        problem={create.problem}
        isRunning={create.isRunning}
        submit="Make the user"
        buttons={<Action onPress={onClose}>Cancel</Action>}
        onSubmit={() => void create.run({ body: { name, role, password } })}
      >
        <TextBox name="/name" label="Name" value={name} onChange={setName} isRequired autoFocus />
        <Radios name="/role" label="Role" value={role} onChange={(next) => setRole(next as Role)} options={roles} />
        <TextBox
          name="/password"
          label="First password"
          type="password"
          value={password}
          onChange={setPassword}
          autoComplete="new-password"
          hint="12 characters or more; to be changed by him or her after the first log-in."
          isRequired
        />
      </EditForm>
    </OpenDialog>
  );
}

/** Never a form before its data, and what is saved is what was read: the ETag comes with it. */
function EditUser({ id, onClose }: { readonly id: string; readonly onClose: () => void }) {
  const query = useRead('getUser', { params: { id } });
  return (
    <OpenDialog title="Edit the user" onClose={onClose}>
      <Loaded query={query}>
        {({ body, etag }) => <EditUserForm key={etag} user={body} etag={etag} onClose={onClose} />}
      </Loaded>
    </OpenDialog>
  );
}

function EditUserForm({
  user,
  etag,
  onClose,
}: {
  readonly user: User;
  readonly etag: string;
  readonly onClose: () => void;
}) {
  const isMe = useMe().user.id === user.id;
  const [name, setName] = useState(user.name);
  const [role, setRole] = useState<Role>(user.role);
  const [password, setPassword] = useState('');
  const [disabled, setDisabled] = useState(user.disabled);
  const change = useAct('changeUser', {
    onDone: () => {
      say(`${name} is changed.`);
      onClose();
    },
  });
  const end = useAct('endSessions', { onDone: () => say(`${user.name} is logged out everywhere.`) });
  const body = {
    ...(name !== user.name && { name }),
    ...(role !== user.role && { role }),
    ...(disabled !== user.disabled && { disabled }),
    ...(password !== '' && { password }),
  };
  const save = (): void => {
    if (Object.keys(body).length === 0) onClose();
    else void change.run({ params: { id: user.id }, body, ifMatch: etag });
  };
  return (
    <EditForm
      label="Edit the user"
      fields={['/name', '/role', '/password', '/disabled']}
      problem={change.problem ?? end.problem}
      isRunning={change.isRunning}
      submit="Save"
      buttons={
        <>
          <Action onPress={onClose}>Cancel</Action>
          {!isMe && (
            <Action kind="quiet" isPending={end.isRunning} onPress={() => void end.run({ params: { id: user.id } })}>
              Log out everywhere
            </Action>
          )}
        </>
      }
      onSubmit={save}
    >
      <TextBox name="/name" label="Name" value={name} onChange={setName} isRequired autoFocus />
      {user.provider === null ? (
        <>
          <Radios name="/role" label="Role" value={role} onChange={(next) => setRole(next as Role)} options={roles} />
          <TextBox
            name="/password"
            label="New password"
            type="password"
            value={password}
            onChange={setPassword}
            autoComplete="new-password"
            hint="Empty: it stays."
          />
        </>
      ) : (
        <p>
          {labelOf(user.role)} by the word of <Hostile text={user.provider.issuer} />, asked again at each login.
        </p>
      )}
      {!isMe && (
        <Check value={disabled} onChange={setDisabled}>
          Shut out: no log-in, no token
        </Check>
      )}
    </EditForm>
  );
}

function DeleteUser({ user, onClose }: { readonly user: User; readonly onClose: () => void }) {
  const remove = useAct('deleteUser', {
    onDone: () => {
      say(`${user.name} is removed.`);
      onClose();
    },
  });
  return (
    <ConfirmDialog
      title={`Remove ${user.name}?`}
      act="Remove"
      isRunning={remove.isRunning}
      problem={remove.problem}
      onConfirm={() => void remove.run({ params: { id: user.id } })}
      onClose={onClose}
    >
      <p>Sessions and tokens end with the user. What he or she did stays in the changes and in the audit log.</p>
    </ConfirmDialog>
  );
}
