// The fields of a route: what a request has to be, and where it goes then.
import { useReadAll } from '../../api/queries.ts';
import { Go } from '../../parts/button.tsx';
import { Check, Choice, type Option, TextArea, TextBox } from '../../parts/fields.tsx';
import { FieldRow } from '../../parts/form.tsx';
import type { RouteDraft } from './draft.ts';

export const routeFields = (at: string): readonly string[] =>
  ['hosts', 'path', 'methods', 'service', 'priority', 'rewrite', 'enabled'].map((name) => `${at}/${name}`);

export const fieldWords: Readonly<Record<string, string>> = {
  '/hosts': 'Hosts',
  '/path': 'Path',
  '/methods': 'Methods',
  '/service': 'Service',
  '/priority': 'Priority',
  '/rewrite': 'Rewrite',
  '/enabled': 'On',
};

export type RouteFieldsProps = {
  readonly at: string;
  readonly draft: RouteDraft;
  readonly onChange: (draft: RouteDraft) => void;
};

const modes = { off: 'plain text', tls: 'TLS', mtls: 'mutual TLS' } as const;

export function RouteFields({ at, draft, onChange }: RouteFieldsProps) {
  const set = (over: Partial<RouteDraft>): void => onChange({ ...draft, ...over });
  const { data } = useReadAll('listServices');
  const services = (data?.items ?? []).map(
    (one): Option => ({
      id: one.id,
      label: one.id,
      ...(one.running && { detail: `${one.addresses[0]?.address ?? ''}, ${modes[one.tls.mode]}` }),
    }),
  );
  return (
    <>
      <TextArea
        name={`${at}/hosts`}
        label="Hosts"
        value={draft.hosts}
        onChange={(hosts) => set({ hosts })}
        rows={2}
        placeholder="shop.example.com"
        hint="One on each line; *.example.com too. Empty: every host."
        mono
      />
      <TextBox
        name={`${at}/path`}
        label="Path"
        value={draft.path}
        onChange={(path) => set({ path })}
        hint="A prefix, up to a slash: /orders takes /orders/17 too, and not /ordersheet."
        isRequired
        mono
      />
      <TextBox
        name={`${at}/methods`}
        label="Methods"
        value={draft.methods}
        onChange={(methods) => set({ methods })}
        placeholder="GET, POST"
        hint="Empty: all. Others are answered with 405."
        mono
      />
      <Choice
        name={`${at}/service`}
        label="Service"
        value={draft.service === '' ? null : draft.service}
        onChange={(service) => set({ service })}
        options={services}
        placeholder={services.length === 0 ? 'There is none yet' : 'Choose where requests go'}
        hint={services.length === 0 && <Go to="/services/new">Create a service</Go>}
      />
      <TextBox
        name={`${at}/rewrite`}
        label="Rewrite"
        value={draft.rewrite}
        onChange={(rewrite) => set({ rewrite })}
        hint="Stands in the place of the matched prefix. Empty: the path goes on as it came."
        mono
      />
      <TextBox
        name={`${at}/priority`}
        label="Priority"
        value={draft.priority}
        onChange={(priority) => set({ priority })}
        inputMode="numeric"
        placeholder="0"
        hint="Lower goes first, before anything else is compared. Mostly nobody needs it."
      />
      <FieldRow label="State">
        <Check name={`${at}/enabled`} value={draft.isOn} onChange={(isOn) => set({ isOn })}>
          On: it takes requests
        </Check>
      </FieldRow>
    </>
  );
}
