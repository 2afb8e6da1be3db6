// Dialogs: they hold the focus and give it back, Esc closes them. Whoever could cut somebody off types what it is about.
import { type ReactNode, useState } from 'react';
import { Dialog, Heading } from 'react-aria-components/Dialog';
import { Modal, ModalOverlay } from 'react-aria-components/Modal';
import { Action } from './button.tsx';
import { TextBox } from './fields.tsx';
import { EditForm } from './form.tsx';
import { When } from './when.tsx';
import css from './dialog.module.css';

export type DialogProps = {
  readonly title: string;
  readonly onClose: () => void;
  /** Where losing it would lose something: only its buttons close it. */
  readonly isFirm?: boolean;
  readonly wide?: boolean;
  readonly children: ReactNode;
};

/** Open as long as it is rendered. */
export function OpenDialog({ title, onClose, isFirm = false, wide = false, children }: DialogProps) {
  return (
    <ModalOverlay
      isOpen
      onOpenChange={(isOpen) => !isOpen && onClose()}
      isDismissable={!isFirm}
      isKeyboardDismissDisabled={isFirm}
      className={css['veil'] ?? ''}
    >
      <Modal className={wide ? `${css['modal']} ${css['wide']}` : (css['modal'] ?? '')}>
        <Dialog className={css['dialog'] ?? ''} role={isFirm ? 'alertdialog' : 'dialog'}>
          <Heading slot="title" level={2} className={css['title'] ?? ''}>
            {title}
          </Heading>
          {children}
        </Dialog>
      </Modal>
    </ModalOverlay>
  );
}

export type ConfirmProps = {
  readonly title: string;
  /** What will happen, and to whom. */
  readonly children: ReactNode;
  readonly act: string;
  /** Has to be typed, where it could cut somebody off. */
  readonly phrase?: string | undefined;
  readonly isRunning?: boolean;
  readonly problem?: Error | null;
  readonly onConfirm: () => void;
  readonly onClose: () => void;
};

export function ConfirmDialog({
  title,
  children,
  act,
  phrase,
  isRunning = false,
  problem,
  onConfirm,
  onClose,
}: ConfirmProps) {
  const [typed, setTyped] = useState('');
  const isMeant = phrase === undefined || typed === phrase;
  return (
    <OpenDialog title={title} onClose={onClose}>
      <div className={css['words']}>{children}</div>
      <EditForm
        label={title}
        fields={[]}
        problem={problem ?? null}
        onSubmit={() => isMeant && onConfirm()}
        buttons={
          <>
            <Action type="submit" kind="danger" isDisabled={!isMeant} isPending={isRunning}>
              {act}
            </Action>
            <Action onPress={onClose}>Cancel</Action>
          </>
        }
      >
        {phrase !== undefined && (
          <TextBox name="/phrase" label={`Type “${phrase}”`} value={typed} onChange={setTyped} mono autoFocus />
        )}
      </EditForm>
    </OpenDialog>
  );
}

export type ConflictProps = {
  readonly what: string;
  readonly changed: { readonly by: string; readonly at: string } | undefined;
  /** Field by field: its words, theirs, mine. */
  readonly differences: readonly { readonly name: string; readonly theirs: ReactNode; readonly mine: ReactNode }[];
  readonly onTheirs: () => void;
  readonly onMine: () => void;
  readonly onClose: () => void;
};

/** After a 412: somebody else saved while this form was open. */
export function ConflictDialog({ what, changed, differences, onTheirs, onMine, onClose }: ConflictProps) {
  return (
    <OpenDialog title={`${what} was changed while you edited it`} onClose={onClose} isFirm wide>
      <div className={css['words']}>
        {changed !== undefined && (
          <p>
            By <b>{changed.by}</b>, <When at={changed.at} />.
          </p>
        )}
        {differences.length === 0 ? (
          <p>None of the fields that you changed is among what is different.</p>
        ) : (
          <table className={css['differences']}>
            <caption className="visually-hidden">What is different</caption>
            <thead>
              <tr>
                <th scope="col">Field</th>
                <th scope="col">Theirs</th>
                <th scope="col">Yours</th>
              </tr>
            </thead>
            <tbody>
              {differences.map(({ name, theirs, mine }) => (
                <tr key={name}>
                  <th scope="row">{name}</th>
                  <td>{theirs}</td>
                  <td>{mine}</td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
      </div>
      <div className={css['buttons']}>
        <Action onPress={onTheirs}>Take theirs</Action>
        <Action kind="primary" onPress={onMine}>
          Keep mine
        </Action>
        <Action kind="quiet" onPress={onClose}>
          Back to the form
        </Action>
      </div>
    </OpenDialog>
  );
}
