// One group of failures, step by step up to the one that broke, in the words of the log.
import { useRead } from '../../api/queries.ts';
import { Go } from '../../parts/button.tsx';
import { CodeBlock } from '../../parts/copy.tsx';
import { OpenDialog } from '../../parts/dialog.tsx';
import { Hostile } from '../../parts/hostile.tsx';
import { Ladder } from '../../parts/ladder.tsx';
import { Facts } from '../../parts/page.tsx';
import { Loaded } from '../../parts/states.tsx';
import { When } from '../../parts/when.tsx';

export function Explanation({ id, onClose }: { readonly id: string; readonly onClose: () => void }) {
  const query = useRead('getHandshake', { params: { id } });
  return (
    <OpenDialog title="Why it failed" onClose={onClose} wide>
      <Loaded query={query}>
        {({ body }) => {
          const { certificate, code, policy, serverName, remoteAddress, address, lastAt, count, gateway, openssl } =
            body;
          return (
            <>
              <Ladder
                label={`Handshake that failed with ${code}`}
                steps={body.steps}
                actions={
                  body.side === 'client' && code === 'untrusted_issuer' && certificate !== null ? (
                    <Go to="/ca-bundles/new" search={{ issuer: certificate.issuer, seen: certificate.sha256 }}>
                      Trust this issuer…
                    </Go>
                  ) : undefined
                }
              />
              <Facts
                items={[
                  ['Last', <When key="last" at={lastAt} />],
                  ['Times', `${count}, on ${gateway}`],
                  policy === null ? undefined : ['Policy', policy],
                  serverName === null ? undefined : ['Server name', <Hostile key="sni" text={serverName} mono />],
                  ['Peer', <Hostile key="peer" text={remoteAddress ?? address ?? 'unknown'} mono />],
                  certificate === null
                    ? undefined
                    : [
                        'Certificate',
                        <>
                          <Hostile text={certificate.subject} /> of <Hostile text={certificate.issuer} />, serial{' '}
                          <Hostile text={certificate.serial} mono />, ends <When at={certificate.notAfter} />
                        </>,
                      ],
                ]}
              />
              <CodeBlock label="To try it by hand" text={openssl} />
            </>
          );
        }}
      </Loaded>
    </OpenDialog>
  );
}
