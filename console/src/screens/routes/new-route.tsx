// A new route. `?service=` chooses its service.
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
import { useUrlState } from '../../shell/url-state.ts';
import { newRoute, valueOf } from './draft.ts';
import { routeFields, RouteFields } from './route-fields.tsx';

const at = '/value';
const fields = ['/id', ...routeFields(at)];

export default function NewRoute() {
  return (
    <Page title="Create route" sub="What a request has to be, and which service it goes to then.">
      <Panel label="Create route">{useMay('config.write') ? <Create /> : <NotAllowed />}</Panel>
    </Page>
  );
}

function Create() {
  const navigate = useNavigate();
  const [service] = useUrlState('service');
  const [id, setId] = useState(service);
  const [draft, setDraft] = useState({ ...newRoute, service });
  const save = useGuardedAct('createRoute', {
    title: `Create the route ${id}?`,
    act: 'Create',
    onDone: () => {
      say(`The route ${id.trim()} is created.`);
      void navigate({ to: '/routes/$id', params: { id: id.trim() } });
    },
  });
  return (
    <>
      <EditForm
        label="Create route"
        fields={fields}
        problem={save.problem}
        isRunning={save.isRunning}
        submit="Create route"
        buttons={
          <Go to="/routes" kind="plain">
            Cancel
          </Go>
        }
        onSubmit={() => void save.run({ body: { id: id.trim(), value: valueOf(draft) } })}
      >
        <TextBox
          name="/id"
          label="Route name"
          value={id}
          onChange={setId}
          hint="Letters, digits, dots, dashes and underscores."
          isRequired
          autoFocus
          mono
        />
        <RouteFields at={at} draft={draft} onChange={setDraft} />
      </EditForm>
      {save.dialog}
    </>
  );
}
