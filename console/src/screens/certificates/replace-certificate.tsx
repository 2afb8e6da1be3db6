// The next version of a certificate under the same id: who uses it keeps using it, and no connection is cut. What would change for whom
// is said before; the one that is replaced can be made current again.
import { useState } from 'react';
import type { Answer } from '../../api/client.ts';
import { Action } from '../../parts/button.tsx';
import { ConflictOver } from '../../parts/conflict.tsx';
import { EditForm, FieldRow } from '../../parts/form.tsx';
import { useGuardedAct } from '../../parts/guarded-act.tsx';
import { UsedBy } from '../../parts/origin.tsx';
import { Panel } from '../../parts/page.tsx';
import { staleOf } from '../../parts/stale.ts';
import { say } from '../../parts/toast.tsx';
import { noUpload, UploadBox, useInspection } from '../../parts/upload-box.tsx';

export type ReplaceCertificateProps = {
  readonly id: string;
  readonly etag: string;
  readonly shown: Answer<'getCertificate'>;
  readonly onClose: () => void;
};

const fields = ['/password'];

export function ReplaceCertificate({ id, etag, shown, onClose }: ReplaceCertificateProps) {
  const [ifMatch] = useState(etag);
  const [upload, setUpload] = useState(noUpload);
  const state = useInspection('any', upload);
  const save = useGuardedAct('changeCertificate', {
    title: `Replace the certificate ${id}?`,
    act: 'Replace',
    onDone: () => {
      say(`The certificate ${id} is replaced. The one before can be made current again.`);
      onClose();
    },
  });
  const send = (meant: string): void => {
    const { files, password } = upload;
    const body = { files: [...files], ...(password !== '' && { password }) };
    void save.run({ params: { id }, body, ifMatch: meant });
  };
  const stale = staleOf(save.problem);
  return (
    <>
      <Panel title="Replace">
        <EditForm
          label={`Replace ${id}`}
          fields={fields}
          problem={stale === undefined ? save.problem : null}
          isRunning={save.isRunning}
          submit="Replace the certificate"
          buttons={<Action onPress={onClose}>Cancel</Action>}
          onSubmit={() => send(ifMatch)}
        >
          <UploadBox
            label="The next certificate, with chain and key"
            hint="PEM in any order, DER or PKCS #12. Without a key the present one stays, where it fits."
            upload={upload}
            onChange={setUpload}
            state={state}
          />
          <FieldRow label="Who shows it from then on">
            {shown.running ? <UsedBy users={shown.usedBy} none="Nobody yet." /> : 'Nobody yet.'}
          </FieldRow>
        </EditForm>
      </Panel>
      {save.dialog}
      {stale !== undefined && (
        <ConflictOver
          what={`The certificate ${id}`}
          stale={stale}
          before={{}}
          mine={{}}
          names={{}}
          onTheirs={() => {
            save.reset();
            onClose();
          }}
          onMine={() => send(stale.etag)}
          onClose={save.reset}
        />
      )}
    </>
  );
}
