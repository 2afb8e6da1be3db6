// The first run: a test CA and three certificates with one button. Their keys are made in this browser. The gateway's own is uploaded as any
// other certificate is, and sealed; those of the backend and of a client are downloads from the memory of this page, and gone
// with it. Then the block for nginx, and on to the service.
import { useState } from 'react';
import { call } from '../../api/client.ts';
import { asProblem, Problem } from '../../api/problem.ts';
import { useReadAll } from '../../api/queries.ts';
import { useMay } from '../../api/session.tsx';
import { useQueryClient } from '@tanstack/react-query';
import { Action, Go } from '../../parts/button.tsx';
import { CodeBlock } from '../../parts/copy.tsx';
import { TextBox } from '../../parts/fields.tsx';
import { EditForm } from '../../parts/form.tsx';
import { Page, Panel } from '../../parts/page.tsx';
import { Row, Rows } from '../../parts/rows.tsx';
import { saveFile } from '../../parts/save-file.ts';
import { Loaded, NotAllowed } from '../../parts/states.tsx';
import { mintAll, type Minted } from './mint.ts';
import { nginxBlock, nginxFolder, readAddress } from './nginx-block.ts';
import css from './start.module.css';

/** Under these ids the gateway keeps them; a number behind where they are taken. */
const names = { certificate: 'test-gateway', caBundle: 'test-ca' } as const;

type Made = {
  readonly minted: Minted;
  readonly certificateId: string;
  readonly caBundle: string;
  readonly name: string;
  readonly port: string;
};

export default function Start() {
  const mayWrite = useMay('certificates.write');
  const taken = useReadAll('listCertificates');
  const bundles = useReadAll('listCaBundles');
  const [made, setMade] = useState<Made>();
  return (
    <Page
      title="A test CA and three certificates"
      sub="For a trial, or a test environment. For production bring certificates of your own CA: everything else here stays the same."
    >
      {!mayWrite ? (
        <Panel label="Not allowed">
          <NotAllowed />
        </Panel>
      ) : made !== undefined ? (
        <Result made={made} />
      ) : (
        <Panel label="Make them">
          <Loaded query={taken}>
            {({ items }) => (
              <Loaded query={bundles}>
                {(all) => (
                  <MakeForm
                    certificateId={freeId(names.certificate, items)}
                    caBundle={freeId(names.caBundle, all.items)}
                    onMade={setMade}
                  />
                )}
              </Loaded>
            )}
          </Loaded>
        </Panel>
      )}
    </Page>
  );
}

function freeId(wanted: string, taken: readonly { readonly id: string }[]): string {
  const ids = new Set(taken.map(({ id }) => id));
  for (let count = 1; ; count++) {
    const id = count === 1 ? wanted : `${wanted}-${count}`;
    if (!ids.has(id)) return id;
  }
}

type MakeFormProps = {
  readonly certificateId: string;
  readonly caBundle: string;
  readonly onMade: (made: Made) => void;
};

function MakeForm({ certificateId, caBundle, onMade }: MakeFormProps) {
  const client = useQueryClient();
  const [address, setAddress] = useState('');
  const [problem, setProblem] = useState<Error | null>(null);
  const [isRunning, setRunning] = useState(false);
  const make = async (): Promise<void> => {
    const read = readAddress(address);
    if (read === undefined) return setProblem(addressProblem());
    setRunning(true);
    try {
      const minted = await mintAll({ backend: read.name, now: Date.now() });
      const reason = 'first run: test CA';
      await call('createCaBundle', { body: { id: caBundle, value: { ca: minted.ca.certPem }, reason } });
      const files = [{ name: 'gateway.pem', text: minted.gateway.certPem + minted.gateway.keyPem }];
      await call('createCertificate', { body: { id: certificateId, files, use: 'client', reason } });
      await client.invalidateQueries();
      const { ca, server, client: own } = minted;
      // The gateway's key is where it belongs; here nobody needs it any more.
      const kept = { ca, server, client: own, gateway: { certPem: minted.gateway.certPem, keyPem: '' } };
      onMade({ minted: kept, certificateId, caBundle, ...read });
    } catch (error) {
      setProblem(asProblem(error));
      setRunning(false);
    }
  };
  return (
    <EditForm
      label="Make a test CA and three certificates"
      fields={['/address']}
      problem={problem}
      isRunning={isRunning}
      submit="Create a test CA and three certificates"
      onSubmit={() => void make()}
    >
      <TextBox
        name="/address"
        label="Backend address"
        value={address}
        onChange={setAddress}
        placeholder="orders.internal:8443"
        hint="Where the gateway will reach the backend. The name goes into the backend's certificate, and is what the gateway checks."
        mono
        isRequired
        autoFocus
      />
      <p className={css['about']}>
        The keys are made in this browser. The gateway’s own is uploaded and sealed, as <code>{certificateId}</code>;
        the CA is stored as the bundle <code>{caBundle}</code>. The keys of the backend and of a client are only
        downloads: no API gives out a private key, ever. The key of the CA is forgotten at once.
      </p>
    </EditForm>
  );
}

function addressProblem(): Problem {
  const detail = 'expected a name or an IPv4 address, and a port behind a colon: orders.internal:8443';
  const errors = [{ pointer: '/address', code: 'invalid', detail }];
  return new Problem({ title: 'not an address', status: 422, code: 'invalid', detail, errors });
}

function Result({ made }: { readonly made: Made }) {
  const { minted, name, port, certificateId, caBundle } = made;
  const files: readonly (readonly [file: string, text: string, what: string])[] = [
    ['server.crt', minted.server.certPem, `what the backend shows, for ${name}`],
    ['server.key', minted.server.keyPem, 'its key'],
    ['ca.crt', minted.ca.certPem, 'the CA: the backend checks the gateway with it'],
  ];
  const forClient: readonly (readonly [file: string, text: string, what: string])[] = [
    ['client.crt', minted.client.certPem, 'what a client can show to the gateway, where a policy trusts this CA'],
    ['client.key', minted.client.keyPem, 'its key'],
  ];
  const copy = `sudo install -d -m 0700 ${nginxFolder} && sudo install -m 0600 server.crt server.key ca.crt ${nginxFolder}/
`;
  return (
    <>
      <p className={css['keys']}>
        The keys are in the memory of this page only: download them, and those for a client below, before you go on.
      </p>
      <Panel title="1. Files for the backend" actions={<SaveAll files={files} />}>
        <Files label="Files for the backend" files={files} />
      </Panel>
      <Panel title="2. The block for its nginx" padded>
        <div className={css['blocks']}>
          <CodeBlock label="Put the files there" text={copy} />
          <CodeBlock label={`/etc/nginx/conf.d/${name}.conf`} text={nginxBlock({ name, port })} />
          <CodeBlock label="Take it into service" text={`sudo nginx -t && sudo nginx -s reload\n`} />
        </div>
      </Panel>
      <Panel title="3. The service" padded>
        <div className={css['next']}>
          <p>
            The gateway shows <b>{certificateId}</b> and checks the backend with <b>{caBundle}</b>. Both are stored.
          </p>
          <Go
            to="/services/new"
            search={{ address: `${name}:${port}`, certificateId, caBundle } as never}
            kind="primary"
          >
            Create the service
          </Go>
        </div>
      </Panel>
      <Panel title="For a client" actions={<SaveAll files={forClient} />}>
        <Files label="Files for a client" files={forClient} />
      </Panel>
    </>
  );
}

type FileList = readonly (readonly [file: string, text: string, what: string])[];

function SaveAll({ files }: { readonly files: FileList }) {
  return (
    <Action
      kind="primary"
      onPress={() => {
        for (const [file, text] of files) saveFile(file, text);
      }}
    >
      Download all {files.length}
    </Action>
  );
}

function Files({ label, files }: { readonly label: string; readonly files: FileList }) {
  return (
    <Rows label={label}>
      {files.map(([file, text, what]) => (
        <Row
          key={file}
          title={<code>{file}</code>}
          detail={what}
          action={
            <Action onPress={() => saveFile(file, text)}>
              Download<span className="visually-hidden"> {file}</span>
            </Action>
          }
        />
      ))}
    </Rows>
  );
}
