// "Which route takes this URL?" The question stands in the URL of the screen, so that a link to the answer can be sent.
import { useState } from 'react';
import { useRead } from '../../api/queries.ts';
import { Go } from '../../parts/button.tsx';
import { Choice, TextBox } from '../../parts/fields.tsx';
import { EditForm } from '../../parts/form.tsx';
import { Hostile } from '../../parts/hostile.tsx';
import { Facts, Panel } from '../../parts/page.tsx';
import { Tag } from '../../parts/tag.tsx';
import { plural } from '../../parts/time.ts';
import { useUrlState } from '../../shell/url-state.ts';
import { answerWords, type Matched, whyLost } from './match-words.ts';
import css from './which-route.module.css';

const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'].map((id) => ({ id, label: id }));
const fields = ['/url', '/method'];

export function WhichRoute() {
  const [asked, setAsked] = useUrlState('url');
  const [askedMethod, setAskedMethod] = useUrlState('method', 'GET');
  const [url, setUrl] = useState(asked);
  const [method, setMethod] = useState(askedMethod);
  const body = { url: asked, method: askedMethod };
  const match = useRead('matchRoutes', { body }, { enabled: asked !== '' });
  const ask = (): void => {
    if (url.trim() === asked && method === askedMethod) void match.refetch();
    setAsked(url.trim());
    setAskedMethod(method);
  };
  return (
    <Panel title="Which route takes this URL?" id="which">
      <EditForm
        label="Which route takes this URL?"
        fields={fields}
        problem={match.error}
        isRunning={match.isFetching}
        submit="Find it"
        onSubmit={ask}
      >
        <TextBox
          name="/url"
          label="URL"
          value={url}
          onChange={setUrl}
          placeholder="https://shop.example.com/orders/17"
          isRequired
          mono
        />
        <Choice name="/method" label="Method" value={method} onChange={setMethod} options={methods} />
      </EditForm>
      {match.data !== undefined && <Result of={match.data.body as unknown as Matched} />}
    </Panel>
  );
}

function Result({ of }: { readonly of: Matched }) {
  const { route, policy, client, path, rule, backends, others, reachesBackend } = of;
  return (
    <div role="status" aria-label="The answer" className={css['result']}>
      <Facts
        items={[
          [
            'Route',
            <span key="route">
              {route === null ? (
                'none'
              ) : (
                <Go to="/routes/$id" params={{ id: route.name } as never}>
                  {route.name}
                </Go>
              )}{' '}
              <Tag tone={reachesBackend ? 'ok' : 'bad'}>
                {reachesBackend ? 'reaches a backend' : 'does not reach a backend'}
              </Tag>
            </span>,
          ],
          of.answer === null
            ? undefined
            : ['The gateway answers', <Hostile key="answer" text={answerWords(of)} max={400} />],
          [
            'Policy',
            policy === null ? (
              'none: TLS is refused'
            ) : (
              <Go key="policy" to="/clients/$id" params={{ id: policy } as never}>
                {policy}
              </Go>
            ),
          ],
          client === null ? undefined : ['Client', <Hostile key="client" text={`${client.subject}: ${client.code}`} />],
          path === null ? undefined : ['Path', <Hostile key="path" text={path} mono />],
          rule === null ? undefined : ['Rule of the route', <Hostile key="rule" text={rule.description} max={400} />],
          backends.length === 0
            ? undefined
            : [
                'Sent to',
                <ul key="backends">
                  {backends.map(({ url, weight }) => (
                    <li key={url}>
                      <Hostile text={url} mono />
                      {weight > 0 && <small> weight {weight}</small>}
                    </li>
                  ))}
                </ul>,
              ],
        ]}
      />
      {others.length > 0 && (
        <details className={css['others']}>
          <summary>
            Why {plural(others.length, 'other route')} {others.length === 1 ? 'does' : 'do'} not take it
          </summary>
          <ul>
            {others.slice(0, 200).map((one) => (
              <li key={one.route}>
                <Go to="/routes/$id" params={{ id: one.route } as never}>
                  {one.route}
                </Go>
                : <Hostile text={whyLost(one)} />
              </li>
            ))}
          </ul>
        </details>
      )}
    </div>
  );
}
