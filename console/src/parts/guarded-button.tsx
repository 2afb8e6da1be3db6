// The button of a guarded act, with its dialog and with what kept it from being done.
import type { ReactNode } from 'react';
import { Problem } from '../api/problem.ts';
import { Action } from './button.tsx';

type Props = {
  readonly act: { readonly isRunning: boolean; readonly dialog: ReactNode; readonly problem: Error | null };
  readonly onPress: () => void;
  readonly children: string;
};

export function GuardedButton({ act: { isRunning, dialog, problem }, onPress, children }: Props) {
  return (
    <>
      <Action isPending={isRunning} onPress={onPress}>
        {children}
      </Action>
      {dialog}
      {problem !== null && (
        <div role="alert">
          {problem.message}
          {problem instanceof Problem && (problem.errors ?? []).map(({ detail }) => <p key={detail}>{detail}</p>)}
        </div>
      )}
    </>
  );
}
