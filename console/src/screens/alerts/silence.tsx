// Silence of one alert, for a while and with a reason.
import { useState } from 'react';
import { useAct } from '../../api/queries.ts';
import type { Alert } from '../../parts/alert-row.tsx';
import { Action } from '../../parts/button.tsx';
import { OpenDialog } from '../../parts/dialog.tsx';
import { Choice, TextBox } from '../../parts/fields.tsx';
import { EditForm } from '../../parts/form.tsx';
import { Hostile } from '../../parts/hostile.tsx';
import { say } from '../../parts/toast.tsx';

const spans = [
  { id: '60', label: 'One hour' },
  { id: '480', label: 'Eight hours' },
  { id: '1440', label: 'One day' },
  { id: '10080', label: 'One week' },
  { id: '43200', label: 'Thirty days' },
];

export function SilenceDialog({ alert, onClose }: { readonly alert: Alert; readonly onClose: () => void }) {
  const [minutes, setMinutes] = useState('60');
  const [reason, setReason] = useState('');
  const silence = useAct('silenceAlert', {
    outdates: ['listAlerts', 'getOverview'],
    onDone: () => {
      say('Nobody is told of it for a while.');
      onClose();
    },
  });
  return (
    <OpenDialog title="Silence this alert" onClose={onClose}>
      <p>
        <Hostile text={alert.sentence} max={400} />
      </p>
      <p>No receiver is told of it or reminded until then. That it is over is told.</p>
      <EditForm
        label="Silence this alert"
        fields={['/minutes', '/reason']}
        problem={silence.problem}
        isRunning={silence.isRunning}
        submit="Silence"
        buttons={<Action onPress={onClose}>Cancel</Action>}
        onSubmit={() => void silence.run({ body: { alert: alert.id, minutes: Number(minutes), reason } })}
      >
        <Choice name="/minutes" label="For" value={minutes} onChange={setMinutes} options={spans} />
        <TextBox
          name="/reason"
          label="Why"
          value={reason}
          onChange={setReason}
          hint="For the others; it stands in the audit log."
          autoFocus
        />
      </EditForm>
    </OpenDialog>
  );
}

export function UnsilenceButton({ alert }: { readonly alert: Alert }) {
  const unsilence = useAct('unsilenceAlert', {
    outdates: ['listAlerts', 'getOverview'],
    onDone: () => say('Receivers are told of it again.'),
  });
  return (
    <Action
      kind="quiet"
      isPending={unsilence.isRunning}
      onPress={() => void unsilence.run({ body: { alert: alert.id } })}
      aria-label={`End the silence: ${alert.sentence}`}
    >
      End the silence
    </Action>
  );
}
