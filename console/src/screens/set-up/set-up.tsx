// The first administrator, through the link that the gateway printed. Its secret stands behind the #, which no server sees; it is taken
// out of the address at once.
import { useNavigate } from '@tanstack/react-router';
import { useEffect, useState } from 'react';
import { send } from '../../api/client.ts';
import { asProblem } from '../../api/problem.ts';
import { type Me, useSession } from '../../api/session.tsx';
import { TextBox } from '../../parts/fields.tsx';
import { EditForm } from '../../parts/form.tsx';
import { Page, Panel } from '../../parts/page.tsx';

export default function SetUp() {
  const { entered } = useSession();
  const navigate = useNavigate();
  const [secret] = useState(() => location.hash.slice(1));
  const [name, setName] = useState('');
  const [password, setPassword] = useState('');
  const [problem, setProblem] = useState<Error | null>(null);
  const [isRunning, setRunning] = useState(false);
  useEffect(() => history.replaceState(history.state, '', '/setup'), []);
  const submit = async (): Promise<void> => {
    setRunning(true);
    try {
      const { body } = await send<Me>('setUp', { body: { secret, name, password } });
      await navigate({ to: '/', replace: true });
      entered(body);
    } catch (error) {
      setProblem(asProblem(error));
      setRunning(false);
    }
  };
  return (
    <Page
      title="Make the first administrator"
      sub="The link works once. Others are made by this user, with roles of their own."
    >
      <Panel label="First administrator">
        <EditForm
          label="First administrator"
          fields={['/name', '/password']}
          problem={problem}
          isRunning={isRunning}
          submit="Make the administrator"
          onSubmit={() => void submit()}
        >
          <TextBox
            name="/name"
            label="Name"
            value={name}
            onChange={setName}
            autoComplete="username"
            isRequired
            autoFocus
          />
          <TextBox
            name="/password"
            label="Password"
            type="password"
            value={password}
            onChange={setPassword}
            autoComplete="new-password"
            isRequired
            minLength={12}
            hint="12 characters or more, whatever they are: four words will do."
          />
        </EditForm>
      </Panel>
    </Page>
  );
}
