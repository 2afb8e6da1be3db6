// Create Service: the fields of a service page, the CA as it was pasted, one revision for both, and a probe before it where wanted. What
// the probe finds is told and nothing is saved; "Save without probing" saves all the same. A link may bring address, certificate and
// bundle along: the first run does.
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { useMay } from '../../api/session.tsx';
import { Problem } from '../../api/problem.ts';
import { Action, Go } from '../../parts/button.tsx';
import { TextBox } from '../../parts/fields.tsx';
import { EditForm } from '../../parts/form.tsx';
import { Page, Panel } from '../../parts/page.tsx';
import { NotAllowed } from '../../parts/states.tsx';
import { useUrlState } from '../../shell/url-state.ts';
import { say } from '../../parts/toast.tsx';
import { noUpload, textsOf, type Upload, useInspection } from '../../parts/upload-box.tsx';
import { bundleIdFor, newDraft, pastedCa, valueOf } from './draft.ts';
import { answers, ProbeResult, useProbe } from './probe.tsx';
import { serviceFieldNames, ServiceFields, SourceChoice } from './service-fields.tsx';
import { type NewObjects, useMake } from './use-make.ts';

const service = '/changes/0/value';
const bundle = '/changes/1';
const fields = ['/changes/0/id', ...serviceFieldNames(service), `${bundle}/id`, `${bundle}/value`];

export default function NewService() {
  return (
    <Page
      title="Create service"
      sub="What stands behind the gateway, and how the two prove to each other who they are."
    >
      {useMay('config.write') ? (
        <CreateService />
      ) : (
        <Panel label="Create service">
          <NotAllowed />
        </Panel>
      )}
    </Page>
  );
}

function CreateService() {
  const navigate = useNavigate();
  const [name, setName] = useState('');
  const [address] = useUrlState('address');
  const [certificateId] = useUrlState('certificateId');
  const [ca] = useUrlState('caBundle', pastedCa);
  const [draft, setDraft] = useState({ ...newDraft, address, certificateId, ca });
  const [upload, setUpload] = useState<Upload>(noUpload);
  const [bundleId, setBundleId] = useState<string>();
  const inspected = useInspection('ca', upload);
  const makes = useMake();
  const probe = useProbe();
  const [refusal, setRefusal] = useState<Error | null>(null);
  const isPasted = draft.mode !== 'off' && draft.ca === pastedCa;
  const id = bundleId ?? bundleIdFor(name);
  const objects = (): NewObjects => [
    { kind: 'services', id: name.trim(), value: valueOf(draft, {}, id) },
    ...(isPasted ? [{ kind: 'caBundles' as const, id, value: { ca: textsOf(upload) } }] : []),
  ];
  const save = async (): Promise<void> => {
    if (await makes.make(objects(), () => say(`The service ${name.trim()} is saved.`)))
      await navigate({ to: '/services/$id', params: { id: name.trim() } });
  };
  const check = (): boolean => {
    const wrong =
      isPasted && (upload.files.length === 0 || (inspected.kind === 'found' && !inspected.inspection.usable));
    setRefusal(wrong ? caProblem(upload.files.length === 0) : null);
    return !wrong;
  };
  const probeAndSave = async (): Promise<void> => {
    probe.reset();
    if (!check() || !(await makes.plan(objects()))) return;
    const found = await probe.run({
      id: name.trim(),
      value: valueOf(draft, {}, id),
      ...(isPasted && { caBundle: { id, files: [...upload.files] } }),
    });
    if (found?.every(answers) === true) await save();
  };
  const isRunning = makes.isRunning || probe.isRunning;
  return (
    <>
      <Panel label="Create service">
        <EditForm
          label="Create service"
          fields={fields}
          problem={refusal ?? makes.problem ?? probe.problem}
          isRunning={isRunning}
          submit="Probe and save"
          buttons={
            <>
              <Action
                isDisabled={isRunning}
                onPress={() => {
                  probe.reset();
                  if (check()) void save();
                }}
              >
                Save without probing
              </Action>
              <Go to="/services" kind="plain">
                Cancel
              </Go>
            </>
          }
          onSubmit={() => void probeAndSave()}
        >
          <SourceChoice at={service} draft={draft} onChange={setDraft} />
          <TextBox
            name="/changes/0/id"
            label="Service name"
            value={name}
            onChange={setName}
            hint="Letters, digits, dots, dashes and underscores; routes name it."
            isRequired
            autoFocus
            mono
          />
          <ServiceFields
            at={service}
            draft={draft}
            onChange={setDraft}
            pasted={{
              upload,
              onUpload: setUpload,
              state: inspected,
              id,
              onId: setBundleId,
              idField: `${bundle}/id`,
            }}
          />
        </EditForm>
      </Panel>
      <ProbeResult
        probe={probe}
        title="What the probe found"
        note="Nothing is saved yet. Change what is wrong and probe again, or save it without probing."
      />
    </>
  );
}

function caProblem(isMissing: boolean): Problem {
  const detail = isMissing
    ? 'Paste or choose their CA certificate, or choose a CA bundle: without one nobody could say who they are.'
    : 'The CA certificate cannot be used as it is: see what was found.';
  return new Problem({ title: 'no CA certificate', status: 422, code: 'invalid', detail });
}
