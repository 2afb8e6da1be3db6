// One's own account: the password, the sessions, how it looks, the keys, and the way out.
import { useState } from 'react';
import { useAct, useRead } from '../../api/queries.ts';
import { useMe, useSession } from '../../api/session.tsx';
import { Action } from '../../parts/button.tsx';
import { Check, TextBox } from '../../parts/fields.tsx';
import { EditForm } from '../../parts/form.tsx';
import { Page, Panel } from '../../parts/page.tsx';
import { Row, Rows } from '../../parts/rows.tsx';
import { Loaded } from '../../parts/states.tsx';
import { say } from '../../parts/toast.tsx';
import { When } from '../../parts/when.tsx';
import { useKeysOn } from '../../shell/keys.ts';

export default function Account() {
  const { user } = useMe();
  const { left } = useSession();
  const [keysOn, setKeysOn] = useKeysOn();
  const logOut = useAct('logOutEverywhere', {
    onDone: ({ body: { url } }) => {
      left();
      // Where the session at the identity provider ends, too.
      if (url !== null) location.assign(url);
    },
  });
  return (
    <Page
      title={user.name}
      sub={`You are logged in as ${user.role}.`}
      actions={
        <Action onPress={() => void logOut.run({})} isPending={logOut.isRunning}>
          Log out
        </Action>
      }
    >
      {user.hasPassword && <Password />}
      <Sessions />
      <Panel title="Keyboard" padded>
        <Check value={keysOn} onChange={setKeysOn}>
          Single keys are on: <kbd>/</kbd> searches, <kbd>?</kbd> shows them all
        </Check>
      </Panel>
    </Page>
  );
}

function Password() {
  const { left } = useSession();
  const [password, setPassword] = useState('');
  const [newPassword, setNewPassword] = useState('');
  const change = useAct('changePassword', {
    outdates: [],
    onDone: () => {
      say('The password is changed. Log in with the new one.');
      left();
    },
  });
  return (
    <Panel title="Change the password">
      <EditForm
        label="Change the password"
        fields={['/password', '/newPassword']}
        problem={change.problem}
        isRunning={change.isRunning}
        submit="Change it"
        onSubmit={() => void change.run({ body: { password, newPassword } })}
      >
        <TextBox
          name="/password"
          label="Present password"
          type="password"
          value={password}
          onChange={setPassword}
          autoComplete="current-password"
          isRequired
        />
        <TextBox
          name="/newPassword"
          label="New password"
          type="password"
          value={newPassword}
          onChange={setNewPassword}
          autoComplete="new-password"
          isRequired
          minLength={12}
          hint="12 characters or more. All your sessions end, this one too."
        />
      </EditForm>
    </Panel>
  );
}

function Sessions() {
  const query = useRead('listSessions', {});
  return (
    <Panel title="Your sessions">
      <Loaded query={query}>
        {({ body }) => (
          <Rows label="Your sessions">
            {body.items.map(({ createdAt, usedAt, expiresAt, current }) => (
              <Row
                key={createdAt}
                {...(current && { state: 'this one', tone: 'ok' as const })}
                title={
                  <>
                    Since <When at={createdAt} />
                  </>
                }
                detail={
                  <>
                    last used <When at={usedAt} show="distance" />, ends <When at={expiresAt} show="distance" />
                  </>
                }
              />
            ))}
          </Rows>
        )}
      </Loaded>
    </Panel>
  );
}
