// Name and password, for the page and for the dialog over a form.
import { useState } from 'react';
import { send } from '../../api/client.ts';
import { asProblem } from '../../api/problem.ts';
import { type Me, useSession } from '../../api/session.tsx';
import { Action } from '../../parts/button.tsx';
import { TextBox } from '../../parts/fields.tsx';
import { EditForm } from '../../parts/form.tsx';

export function LogInForm({ name: given = '', onCancel }: { readonly name?: string; readonly onCancel?: () => void }) {
  const { entered } = useSession();
  const [name, setName] = useState(given);
  const [password, setPassword] = useState('');
  const [problem, setProblem] = useState<Error | null>(null);
  const [isRunning, setRunning] = useState(false);
  const submit = async (): Promise<void> => {
    setRunning(true);
    try {
      const { body } = await send<Me>('logIn', { body: { name, password } });
      entered(body);
    } catch (error) {
      setPassword('');
      setProblem(asProblem(error));
      setRunning(false);
    }
  };
  return (
    <EditForm
      label="Log in"
      fields={['/name', '/password']}
      problem={problem}
      isRunning={isRunning}
      submit="Log in"
      buttons={onCancel !== undefined && <Action onPress={onCancel}>Cancel</Action>}
      onSubmit={() => void submit()}
    >
      <TextBox
        name="/name"
        label="Name"
        value={name}
        onChange={setName}
        autoComplete="username"
        isRequired
        autoFocus={given === ''}
      />
      <TextBox
        name="/password"
        label="Password"
        type="password"
        value={password}
        onChange={setPassword}
        autoComplete="current-password"
        isRequired
        autoFocus={given !== ''}
      />
    </EditForm>
  );
}
