// A new CA bundle: CAs under a name, for policies (whom we let in) and services (whom we believe).
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { useMay } from '../../api/session.tsx';
import { Go } from '../../parts/button.tsx';
import { TextBox } from '../../parts/fields.tsx';
import { EditForm } from '../../parts/form.tsx';
import { useGuardedAct } from '../../parts/guarded-act.tsx';
import { Page, Panel } from '../../parts/page.tsx';
import { NotAllowed } from '../../parts/states.tsx';
import { say } from '../../parts/toast.tsx';
import { noUpload, textsOf, UploadBox, useInspection } from '../../parts/upload-box.tsx';

const fields = ['/id'];

export default function NewCaBundle() {
  return (
    <Page
      title="Add a CA bundle"
      sub="CAs under a name: a policy lets in whom they issued, a service is believed when they issued its certificate."
    >
      <Panel label="Add a CA bundle">{useMay('config.write') ? <Create /> : <NotAllowed />}</Panel>
    </Page>
  );
}

function Create() {
  const navigate = useNavigate();
  const [id, setId] = useState('');
  const [upload, setUpload] = useState(noUpload);
  const state = useInspection('ca', upload);
  const save = useGuardedAct('createCaBundle', {
    title: `Add the CA bundle ${id}?`,
    act: 'Add',
    onDone: () => {
      say(`The CA bundle ${id.trim()} is added.`);
      void navigate({ to: '/ca-bundles/$id', params: { id: id.trim() } });
    },
  });
  return (
    <>
      <EditForm
        label="Add a CA bundle"
        fields={fields}
        problem={save.problem}
        isRunning={save.isRunning}
        submit="Add the CA bundle"
        buttons={
          <Go to="/certificates" search={{ part: 'bundles' } as never} kind="plain">
            Cancel
          </Go>
        }
        onSubmit={() => void save.run({ body: { id: id.trim(), value: { ca: textsOf(upload) } } })}
      >
        <TextBox
          name="/id"
          label="Name"
          value={id}
          onChange={setId}
          hint="Letters, digits, dots, dashes and underscores; policies and services refer to it."
          isRequired
          autoFocus
          mono
        />
        <UploadBox label="CA certificates" upload={upload} onChange={setUpload} state={state} />
      </EditForm>
      {save.dialog}
    </>
  );
}
