// One request, tried: it goes to an entry point of this gateway as a client's would, and both handshakes stand beside the answer, step by
// step. `?route=` fills in what the route takes.
import { useState } from 'react';
import type { Item } from '../../api/client.ts';
import { useAct, useReadAll } from '../../api/queries.ts';
import { useMay } from '../../api/session.tsx';
import { Choice, type Option, TextArea, TextBox } from '../../parts/fields.tsx';
import { EditForm } from '../../parts/form.tsx';
import { plainHostile } from '../../parts/hostile-text.ts';
import { Page, Panel } from '../../parts/page.tsx';
import { Loaded, NotAllowed } from '../../parts/states.tsx';
import { useUrlState } from '../../shell/url-state.ts';
import { headersOf, urlOfRoute } from './draft.ts';
import { Report } from './report.tsx';
import css from './test-request.module.css';

export default function TestRequest() {
  const mayTest = useMay('requests.test');
  const routes = useReadAll('listRoutes', {}, { enabled: mayTest });
  return (
    <Page
      title="Test request"
      sub="One request to this gateway, as a client would send it: both handshakes step by step, and the answer."
    >
      {mayTest ? (
        <Loaded query={routes} what="Routes">
          {({ items }) => <Try routes={items} />}
        </Loaded>
      ) : (
        <Panel label="Test request">
          <NotAllowed />
        </Panel>
      )}
    </Page>
  );
}

const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'].map((id): Option => ({ id, label: id }));
const withBody = new Set(['POST', 'PUT', 'PATCH', 'DELETE']);
const fields = ['/url', '/method', '/clientCertificateId', '/headers', '/body'];
const nobody = ' none';

function Try({ routes }: { readonly routes: readonly Item<'listRoutes'>[] }) {
  const [route] = useUrlState('route');
  const [givenUrl] = useUrlState('url');
  const [url, setUrl] = useState(() =>
    givenUrl === '' ? urlOfRoute(routes.find(({ id }) => id === route)) : givenUrl,
  );
  const [method, setMethod] = useState('GET');
  const [certificate, setCertificate] = useState(nobody);
  const [headers, setHeaders] = useState('');
  const [body, setBody] = useState('');
  const test = useAct('sendTestRequest', { outdates: ['listHandshakes', 'listRelations', 'listSeenCertificates'] });
  const send = (): void =>
    void test.run({
      body: {
        url: url.trim(),
        method,
        headers: headersOf(headers),
        body: withBody.has(method) && body !== '' ? body : null,
        clientCertificateId: certificate === nobody ? null : certificate,
      },
    });
  return (
    <div className={css['beside']}>
      <Panel label="Request">
        <EditForm
          label="Test request"
          fields={fields}
          problem={test.problem}
          isRunning={test.isRunning}
          submit="Send it"
          onSubmit={send}
        >
          <TextBox
            name="/url"
            label="URL"
            value={url}
            onChange={setUrl}
            placeholder="https://shop.example.com/orders"
            hint="Wherever its host leads, it is sent to this gateway."
            isRequired
            mono
          />
          <Choice name="/method" label="Method" value={method} onChange={setMethod} options={methods} />
          <ClientChoice value={certificate} onChange={setCertificate} />
          <TextArea
            name="/headers"
            label="Fields"
            value={headers}
            onChange={setHeaders}
            rows={2}
            placeholder="accept: application/json"
            hint="name: value, one on each line."
            mono
          />
          {withBody.has(method) && (
            <TextArea name="/body" label="Body" value={body} onChange={setBody} rows={3} maxLength={65_536} mono />
          )}
        </EditForm>
      </Panel>
      <div>
        {test.isRunning && (
          <Panel label="Under way" padded>
            <p role="status">Sending it …</p>
          </Panel>
        )}
        {!test.isRunning && test.reply === undefined && (
          <Panel label="Result" padded>
            <p className={css['hint']}>
              Here will stand how the client’s leg went, which route took it, how the backend’s leg went, and what was
              answered.
            </p>
          </Panel>
        )}
        {!test.isRunning && test.reply !== undefined && <Report of={test.reply.body} />}
      </div>
    </div>
  );
}

function ClientChoice({ value, onChange }: { readonly value: string; readonly onChange: (id: string) => void }) {
  const { data } = useReadAll('listCertificates');
  const options: Option[] = [
    { id: nobody, label: 'None', detail: 'As somebody who shows nothing.' },
    ...(data?.items ?? []).flatMap((one) =>
      one.running ? [{ id: one.id, label: one.id, detail: plainHostile(one.chain[0]?.subject ?? '', 80) }] : [],
    ),
  ];
  return (
    <Choice
      name="/clientCertificateId"
      label="Client certificate"
      value={value}
      onChange={onChange}
      options={options}
      hint="What the client shows. Only what is among our certificates can be shown from here."
    />
  );
}
