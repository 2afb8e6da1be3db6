// Handshakes that failed, grouped by reason and peer; those of this moment above them, until they are halted.
import { useState } from 'react';
import { useReadAll } from '../../api/queries.ts';
import { Action } from '../../parts/button.tsx';
import { Choice } from '../../parts/fields.tsx';
import { Hostile } from '../../parts/hostile.tsx';
import { Page, Panel } from '../../parts/page.tsx';
import { Row, Rows } from '../../parts/rows.tsx';
import { Empty, Loaded, NothingFits } from '../../parts/states.tsx';
import { plural } from '../../parts/time.ts';
import { When } from '../../parts/when.tsx';
import { useUrlState } from '../../shell/url-state.ts';
import { Explanation } from './explanation.tsx';
import css from './handshakes.module.css';
import { type Failure, peerOf } from './failure.ts';
import { useTail } from './tail.ts';

/** Of the live list. */
const maxShown = 10;

const sides = [
  { id: 'all', label: 'Both sides' },
  { id: 'client', label: 'Clients to us' },
  { id: 'backend', label: 'Us to backends' },
] as const;

export default function Handshakes() {
  const [side, setSide] = useUrlState('side', 'all');
  const [code, setCode] = useUrlState('code', 'any');
  const [open, setOpen] = useUrlState('open');
  /** Number of the newest that is shown while it is halted. */
  const [haltedAt, setHaltedAt] = useState<number>();
  const query = useReadAll('listHandshakes', {}, { everyMs: 30_000 });
  const { told, isConnected } = useTail(() => void query.refetch());
  const isHalted = haltedAt !== undefined;
  const shown = told.filter(({ number }) => haltedAt === undefined || number <= haltedAt).slice(0, maxShown);
  const held = haltedAt === undefined ? 0 : told.filter(({ number }) => number > haltedAt).length;
  return (
    <Page
      title="Handshakes"
      sub="What failed in the last 14 days, by reason and peer. The codes are those of the log and of the metrics."
      actions={
        <Action onPress={() => setHaltedAt(isHalted ? undefined : (told[0]?.number ?? 0))}>
          {isHalted ? `Go on${held > 0 ? ` (${held} held back)` : ''}` : 'Halt the live list'}
        </Action>
      }
    >
      <Panel
        title="Now"
        actions={<small role="status">{isHalted ? 'halted' : isConnected ? 'live' : 'connecting …'}</small>}
      >
        {shown.length === 0 ? (
          <Empty title="Nothing failed since you came here" />
        ) : (
          <Rows label="Handshakes that failed just now">
            {shown.map(({ number, failure }) => (
              <FailureRow key={number} failure={failure} onOpen={setOpen} />
            ))}
          </Rows>
        )}
      </Panel>
      <Panel title="Grouped">
        <Loaded query={query}>
          {({ items, more }) => {
            if (items.length === 0)
              return (
                <Empty title="No handshake failed">
                  When a client or a backend cannot be agreed with, it is here, with the step that broke and what to do.
                </Empty>
              );
            const codes = [...new Set(items.map((item) => item.code))].toSorted();
            const fits = items.filter(
              (item) => (side === 'all' || item.side === side) && (code === 'any' || item.code === code),
            );
            return (
              <>
                <div className={css['filters']}>
                  <Choice name="/side" label="Side" value={side} onChange={setSide} options={sides} />
                  <Choice
                    name="/code"
                    label="Reason"
                    value={codes.includes(code) ? code : 'any'}
                    onChange={setCode}
                    options={[{ id: 'any', label: 'Any reason' }, ...codes.map((one) => ({ id: one, label: one }))]}
                  />
                </div>
                {fits.length === 0 ? (
                  <NothingFits
                    count={items.length}
                    what="groups"
                    onClear={() => {
                      // Two changes of the URL at once: the later would undo the earlier.
                      if (side === 'all') setCode('any');
                      else setSide('all');
                    }}
                  />
                ) : (
                  <Rows label="Failed handshakes by reason and peer">
                    {fits.map((failure) => (
                      <FailureRow key={failure.id} failure={failure} onOpen={setOpen} />
                    ))}
                  </Rows>
                )}
                {more && <p>There are more; narrow them down.</p>}
              </>
            );
          }}
        </Loaded>
      </Panel>
      {open !== '' && <Explanation id={open} onClose={() => setOpen('')} />}
    </Page>
  );
}

function FailureRow({ failure, onOpen }: { readonly failure: Failure; readonly onOpen: (id: string) => void }) {
  const { id, side, code, sentence, count, lastAt, gateway } = failure;
  const peer = peerOf(failure);
  return (
    <Row
      tone={side === 'client' ? 'due' : 'bad'}
      state={code}
      title={
        <>
          {side === 'client' ? 'From ' : 'To '}
          <b>
            <Hostile text={peer} max={120} />
          </b>
        </>
      }
      detail={
        <>
          <Hostile text={sentence} max={400} />
          <br />
          {plural(count, 'time')}, last <When at={lastAt} />, on {gateway}
        </>
      }
      action={
        <Action kind="quiet" onPress={() => onOpen(id)} aria-label={`Explain ${code} of ${peer}`}>
          Explain
        </Action>
      }
    />
  );
}
