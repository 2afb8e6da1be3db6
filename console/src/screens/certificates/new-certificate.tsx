// A certificate of ours, with its key: whatever is dropped is read and told before anything is saved. `?use=client` for one that is
// shown to backends.
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { useMay } from '../../api/session.tsx';
import { Go } from '../../parts/button.tsx';
import { Radios, TextBox } from '../../parts/fields.tsx';
import { EditForm } from '../../parts/form.tsx';
import { useGuardedAct } from '../../parts/guarded-act.tsx';
import { Page, Panel } from '../../parts/page.tsx';
import { NotAllowed } from '../../parts/states.tsx';
import { say } from '../../parts/toast.tsx';
import { noUpload, UploadBox, useInspection } from '../../parts/upload-box.tsx';
import { useUrlState } from '../../shell/url-state.ts';

const fields = ['/id', '/use', '/password'];

export const uses = [
  { id: 'client', label: 'To backends', detail: 'A client certificate: who we are when a backend asks.' },
  { id: 'server', label: 'To clients', detail: 'A server certificate: the name that clients come to.' },
  { id: 'any', label: 'Either', detail: 'Whichever it was made for.' },
] as const;
export type Use = (typeof uses)[number]['id'];

export default function NewCertificate() {
  return (
    <Page
      title="Add a certificate"
      sub="With its private key, which is sealed at once: no page and no API gives it out again."
    >
      <Panel label="Add a certificate">{useMay('certificates.write') ? <Create /> : <NotAllowed />}</Panel>
    </Page>
  );
}

function Create() {
  const navigate = useNavigate();
  const [id, setId] = useState('');
  const [use, setUse] = useUrlState('use', 'any');
  const [upload, setUpload] = useState(noUpload);
  const state = useInspection(use as Use, upload);
  const save = useGuardedAct('createCertificate', {
    title: `Add the certificate ${id}?`,
    act: 'Add',
    onDone: () => {
      say(`The certificate ${id.trim()} is added.`);
      void navigate({ to: '/certificates/$id', params: { id: id.trim() } });
    },
  });
  const send = (): void => {
    const { files, password } = upload;
    void save.run({
      body: { id: id.trim(), use: use as Use, files: [...files], ...(password !== '' && { password }) },
    });
  };
  return (
    <>
      <EditForm
        label="Add a certificate"
        fields={fields}
        problem={save.problem}
        isRunning={save.isRunning}
        submit="Add the certificate"
        buttons={
          <Go to="/certificates" kind="plain">
            Cancel
          </Go>
        }
        onSubmit={send}
      >
        <TextBox
          name="/id"
          label="Certificate ID"
          value={id}
          onChange={setId}
          hint="Letters, digits, dots, dashes and underscores. It stays when the certificate is replaced."
          isRequired
          autoFocus
          mono
        />
        <Radios name="/use" label="We show it" value={use} onChange={setUse} options={uses} />
        <UploadBox label="Certificate, chain and key" upload={upload} onChange={setUpload} state={state} />
      </EditForm>
      {save.dialog}
    </>
  );
}
