// Somebody else saved while a form was open (412): who, when, and field by field what is his and what is mine. Take his, or keep mine:
// what I changed is sent again on top of what he saved, so that his other fields stay.
import type { ReactNode } from 'react';
import type { JsonObject } from '../api/merge-patch.ts';
import { ConflictDialog } from './dialog.tsx';
import { Hostile } from './hostile.tsx';
import { differencesOf, type Stale } from './stale.ts';

export type ConflictOverProps = {
  readonly what: string;
  readonly stale: Stale;
  readonly before: JsonObject;
  readonly mine: JsonObject;
  /** Words of a field by its pointer. */
  readonly names: Readonly<Record<string, string>>;
  readonly onTheirs: () => void;
  readonly onMine: () => void;
  readonly onClose: () => void;
};

export function ConflictOver({ what, stale, before, mine, names, ...rest }: ConflictOverProps) {
  const differences = differencesOf(before, stale.current ?? before, mine).map((one) => ({
    name: names[one.pointer] ?? one.pointer,
    theirs: <Value of={one.theirs} />,
    mine: <Value of={one.mine} />,
  }));
  return <ConflictDialog what={what} changed={stale.changed} differences={differences} {...rest} />;
}

function Value({ of }: { readonly of: unknown }): ReactNode {
  if (of === undefined || of === null) return <small>nothing</small>;
  return <Hostile text={typeof of === 'string' ? of : JSON.stringify(of)} max={200} mono />;
}
