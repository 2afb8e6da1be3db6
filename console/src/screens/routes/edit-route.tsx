// The form over a stored route. Only what was changed is sent; where somebody else saved meanwhile, both are shown.
import { useState } from 'react';
import { type JsonObject, mergePatch } from '../../api/merge-patch.ts';
import { Action } from '../../parts/button.tsx';
import { ConflictOver } from '../../parts/conflict.tsx';
import { EditForm } from '../../parts/form.tsx';
import { useGuardedAct } from '../../parts/guarded-act.tsx';
import { Panel } from '../../parts/page.tsx';
import { staleOf } from '../../parts/stale.ts';
import { say } from '../../parts/toast.tsx';
import { draftOf, valueOf } from './draft.ts';
import { fieldWords, routeFields, RouteFields } from './route-fields.tsx';

const at = '/value';
const fields = routeFields(at);

export type EditRouteProps = {
  readonly id: string;
  readonly value: JsonObject;
  readonly etag: string;
  readonly onClose: () => void;
};

export function EditRoute({ id, value, etag, onClose }: EditRouteProps) {
  // What the form began with: what comes in meanwhile does not change it under somebody's hands.
  const [base, setBase] = useState({ value, etag });
  const [draft, setDraft] = useState(() => draftOf(value));
  const save = useGuardedAct('changeRoute', {
    title: `Save the route ${id}?`,
    act: 'Save',
    onDone: () => {
      say(`The route ${id} is saved.`);
      onClose();
    },
  });
  const mine = valueOf(draft, base.value);
  const send = (ifMatch: string): void => {
    const patch = mergePatch(base.value, mine);
    if (patch === undefined) onClose();
    else void save.run({ params: { id }, body: { value: patch }, ifMatch });
  };
  const stale = staleOf(save.problem);
  const takeTheirs = (): void => {
    const theirs = stale?.current ?? base.value;
    setBase({ value: theirs, etag: stale?.etag ?? base.etag });
    setDraft(draftOf(theirs));
    save.reset();
  };
  return (
    <>
      <Panel title="Edit">
        <EditForm
          label={`Edit ${id}`}
          fields={fields}
          problem={stale === undefined ? save.problem : null}
          isRunning={save.isRunning}
          submit="Save"
          buttons={<Action onPress={onClose}>Cancel</Action>}
          onSubmit={() => send(base.etag)}
        >
          <RouteFields at={at} draft={draft} onChange={setDraft} />
        </EditForm>
      </Panel>
      {save.dialog}
      {stale !== undefined && (
        <ConflictOver
          what={`The route ${id}`}
          stale={stale}
          before={base.value}
          mine={mine}
          names={fieldWords}
          onTheirs={takeTheirs}
          onMine={() => send(stale.etag)}
          onClose={save.reset}
        />
      )}
    </>
  );
}
