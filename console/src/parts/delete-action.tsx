// Removing an object: who uses it stands before anything else (what is in use cannot go), and who of those seen lately would be refused.
import { useState } from 'react';
import { asProblem } from '../api/problem.ts';
import { Action } from './button.tsx';
import { ConfirmDialog, OpenDialog } from './dialog.tsx';
import { type GuardedId, useGuardedAct } from './guarded-act.tsx';
import { type Usage, UsedBy } from './origin.tsx';
import { say } from './toast.tsx';

export type DeleteActionProps = {
  readonly operation: Extract<GuardedId, `delete${string}`>;
  readonly noun: string;
  readonly id: string;
  readonly etag: string;
  readonly onDone: () => void;
};

export function DeleteAction({ operation, noun, id, etag, onDone }: DeleteActionProps) {
  const [isOpen, setOpen] = useState(false);
  const remove = useGuardedAct(operation, {
    title: `Delete the ${noun} ${id}?`,
    act: 'Delete',
    // What is gone is not asked for again.
    outdates: lists,
    onDone: () => {
      say(`The ${noun} ${id} is deleted.`);
      onDone();
    },
  });
  const close = (): void => {
    setOpen(false);
    remove.reset();
  };
  const users = usersOf(remove.problem);
  return (
    <>
      <Action onPress={() => setOpen(true)}>Delete …</Action>
      {isOpen && remove.dialog === false && users === undefined && (
        <ConfirmDialog
          title={`Delete the ${noun} ${id}?`}
          act="Delete"
          isRunning={remove.isRunning}
          problem={remove.problem}
          onConfirm={() => void remove.run({ params: { id }, ifMatch: etag })}
          onClose={close}
        >
          <p>It can be brought back: revert the change on the screen Changes.</p>
        </ConfirmDialog>
      )}
      {isOpen && users !== undefined && (
        <OpenDialog title={`The ${noun} ${id} is in use`} onClose={close}>
          <p>It cannot be deleted while something refers to it:</p>
          <UsedBy users={users} />
          <Action onPress={close}>Close</Action>
        </OpenDialog>
      )}
      {remove.dialog}
    </>
  );
}

const lists = [
  'listServices',
  'listRoutes',
  'listCertificates',
  'listCaBundles',
  'listPolicies',
  'listChanges',
] as const;

function usersOf(problem: Error | null): readonly Usage[] | undefined {
  if (problem === null) return undefined;
  const { code, document } = asProblem(problem);
  return code === 'in_use' ? (document['usedBy'] as readonly Usage[] | undefined) : undefined;
}
