// CAs of a bundle, added and taken out. What that does to the clients that were seen lately stands below it as it is put together; what
// would refuse some has to be confirmed by typing how many.
import { useEffect, useState } from 'react';
import { call } from '../../api/client.ts';
import { type JsonObject, mergePatch } from '../../api/merge-patch.ts';
import { asProblem } from '../../api/problem.ts';
import { Action } from '../../parts/button.tsx';
import { type CertificateFacts, ExpiryTag, SubjectAndIssuer } from '../../parts/certificate.tsx';
import { ConflictOver } from '../../parts/conflict.tsx';
import { EditForm, FieldRow } from '../../parts/form.tsx';
import { useGuardedAct } from '../../parts/guarded-act.tsx';
import { plainHostile } from '../../parts/hostile-text.ts';
import { Panel } from '../../parts/page.tsx';
import { ClientConsequences, type Plan, Warnings } from '../../parts/plan.tsx';
import { staleOf } from '../../parts/stale.ts';
import { say } from '../../parts/toast.tsx';
import { noUpload, textsOf, UploadBox, useInspection } from '../../parts/upload-box.tsx';
import { type BundlePart, partsOf } from './bundle-parts.ts';
import css from './certificates.module.css';

export type EditCaBundleProps = {
  readonly id: string;
  readonly shown: readonly CertificateFacts[];
  readonly value: JsonObject;
  readonly etag: string;
  readonly onClose: () => void;
};

export function EditCaBundle({ id, shown, value, etag, onClose }: EditCaBundleProps) {
  const [base, setBase] = useState({ value, etag });
  const [parts, setParts] = useState<readonly BundlePart[]>();
  const [removed, setRemoved] = useState<ReadonlySet<string>>(new Set());
  const [upload, setUpload] = useState(noUpload);
  const state = useInspection('ca', upload);
  useEffect(() => {
    void partsOf(base.value['ca']).then(setParts);
  }, [base]);
  const save = useGuardedAct('changeCaBundle', {
    title: `Save the CA bundle ${id}?`,
    act: 'Save and refuse them',
    onDone: () => {
      say(`The CA bundle ${id} is saved.`);
      onClose();
    },
  });
  const added = state.kind === 'found' && state.inspection.usable ? textsOf(upload) : [];
  const kept = (parts ?? []).filter(({ sha256 }) => !removed.has(sha256)).map(({ text }) => text);
  const isChanged = removed.size > 0 || added.length > 0;
  const mine: JsonObject = isChanged ? { ...base.value, ca: [...kept, ...added] } : base.value;
  const plan = usePreview(id, isChanged ? mine['ca'] : undefined, base.etag);
  const send = (ifMatch: string): void => {
    const patch = mergePatch(base.value, mine);
    if (patch === undefined) onClose();
    else void save.run({ params: { id }, body: { value: patch }, ifMatch });
  };
  const stale = staleOf(save.problem);
  const toggle = (sha256: string): void => {
    const next = new Set(removed);
    if (!next.delete(sha256)) next.add(sha256);
    setRemoved(next);
  };
  return (
    <>
      <Panel title="Add or remove CAs">
        <EditForm
          label={`Edit ${id}`}
          fields={[]}
          problem={stale === undefined ? save.problem : null}
          isRunning={save.isRunning}
          submit="Save"
          buttons={<Action onPress={onClose}>Cancel</Action>}
          onSubmit={() => send(base.etag)}
        >
          <FieldRow label="CAs in it">
            <ul className={css['cas']} aria-label="CAs in it">
              {shown.map((one) => {
                const isRemoved = removed.has(one.sha256);
                return (
                  <li key={one.sha256}>
                    <div className={isRemoved ? css['removed'] : css['kept']}>
                      <SubjectAndIssuer of={one} />{' '}
                      {isRemoved ? <small>will be removed</small> : <ExpiryTag of={one} />}
                    </div>
                    <Action onPress={() => toggle(one.sha256)} isDisabled={parts === undefined}>
                      {isRemoved ? 'Keep' : 'Remove'}
                      <span className="visually-hidden"> {plainHostile(one.subject)}</span>
                    </Action>
                  </li>
                );
              })}
            </ul>
          </FieldRow>
          <UploadBox label="Add CAs" upload={upload} onChange={setUpload} state={state} />
          {isChanged && (
            <FieldRow label="What it would do">
              <Preview {...plan} />
            </FieldRow>
          )}
        </EditForm>
      </Panel>
      {save.dialog}
      {stale !== undefined && (
        <ConflictOver
          what={`The CA bundle ${id}`}
          stale={stale}
          before={base.value}
          mine={mine}
          names={{ '/ca': 'CAs' }}
          onTheirs={() => {
            setBase({ value: stale.current ?? base.value, etag: stale.etag });
            setRemoved(new Set());
            setUpload(noUpload);
            save.reset();
          }}
          onMine={() => send(stale.etag)}
          onClose={save.reset}
        />
      )}
    </>
  );
}

type PreviewState = { readonly plan?: Plan; readonly message?: string };

/** The plan of what is put together, asked for as it changes. */
function usePreview(id: string, ca: unknown, etag: string): PreviewState {
  const [told, setTold] = useState<PreviewState & { readonly of: string }>();
  const content = JSON.stringify(ca);
  useEffect(() => {
    if (content === undefined) return undefined;
    const aborting = new AbortController();
    const ask = async (): Promise<void> => {
      try {
        const value = { ca: JSON.parse(content) as never };
        const asked = { params: { id }, query: { dryRun: 'true' as const }, body: { value }, ifMatch: etag };
        const { body } = await call('changeCaBundle', { ...asked, signal: aborting.signal });
        setTold({ of: content, plan: body as Plan });
      } catch (error) {
        if (!aborting.signal.aborted) setTold({ of: content, message: asProblem(error).message });
      }
    };
    void ask();
    return () => aborting.abort();
  }, [id, content, etag]);
  return told !== undefined && told.of === content ? told : {};
}

function Preview({ plan, message }: PreviewState) {
  if (message !== undefined) return <p role="status">{message}</p>;
  if (plan === undefined) return <p role="status">Comparing it with the clients seen lately …</p>;
  if (!plan.usable)
    return (
      <ul role="status">
        {plan.errors.map(({ detail }) => (
          <li key={detail}>{detail}</li>
        ))}
      </ul>
    );
  return (
    <div role="status">
      <ClientConsequences clients={plan.clients} />
      <Warnings warnings={plan.warnings} />
    </div>
  );
}
