// A form: what the server finds wrong stands at the field it means, what belongs to no field above them, and the first of them has the
// focus. Fields are named by the JSON Pointer of their member in the body (`/tls/serverName`). Ctrl+Enter sends.
import { type FormEvent, type ReactNode, useEffect, useId, useMemo, useRef, useState } from 'react';
import { Form } from 'react-aria-components/Form';
import { asProblem, sortErrors } from '../api/problem.ts';
import { Action } from './button.tsx';
import css from './form.module.css';

export type EditFormProps = {
  readonly label: string;
  /** Names of its fields. */
  readonly fields: readonly string[];
  readonly problem?: Error | null;
  readonly isRunning?: boolean;
  /** Words of the button; without it the caller has its own in `buttons`. */
  readonly submit?: string;
  readonly buttons?: ReactNode;
  readonly onSubmit: () => void;
  readonly children: ReactNode;
};

/** Names of the fields that were changed since this was wrong. */
type Mended = { readonly since?: Error | null | undefined; readonly names: readonly string[] };

export function EditForm({
  label,
  fields,
  problem,
  isRunning = false,
  submit,
  buttons,
  onSubmit,
  children,
}: EditFormProps) {
  const ref = useRef<HTMLFormElement>(null);
  const [mended, setMended] = useState<Mended>({ names: [] });
  const { byField, rest } = useMemo(
    () =>
      problem === null || problem === undefined ? { byField: {}, rest: [] } : sortErrors(asProblem(problem), fields),
    [problem, fields],
  );
  useEffect(() => {
    if (problem === null || problem === undefined) return;
    const first = ref.current?.querySelector<HTMLElement>(
      '[aria-invalid="true"], [data-invalid] input, [data-invalid] button',
    );
    (first ?? ref.current?.querySelector<HTMLElement>('[role="alert"]'))?.focus();
  }, [problem]);
  const send = (event: FormEvent): void => {
    event.preventDefault();
    // Enter in a field while it is under way is no second intent.
    if (!isRunning) onSubmit();
  };
  useEffect(() => {
    const form = ref.current;
    const onKeyDown = (event: KeyboardEvent): void => {
      if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      form?.requestSubmit();
    };
    form?.addEventListener('keydown', onKeyDown);
    return () => form?.removeEventListener('keydown', onKeyDown);
  }, []);
  const onInput = ({ target }: FormEvent): void => {
    const name = target instanceof HTMLInputElement || target instanceof HTMLTextAreaElement ? target.name : '';
    if (name === '') return;
    setMended((before) => ({ since: problem, names: before.since === problem ? [...before.names, name] : [name] }));
  };
  const shown = useMemo(() => {
    const names = mended.since === problem ? mended.names : [];
    return Object.fromEntries(Object.entries(byField).filter(([name]) => !names.includes(name)));
  }, [byField, mended, problem]);
  return (
    <Form
      ref={ref}
      aria-label={label}
      className={css['form'] ?? ''}
      // The server decides, in its words. What is wrong is said until its field changes, not until it is left: a button must not
      // move away under the press that leaves a field.
      validationBehavior="aria"
      validationErrors={shown}
      onSubmit={send}
    >
      {problem !== null && problem !== undefined && (rest.length > 0 || Object.keys(byField).length === 0) && (
        <div role="alert" tabIndex={-1} className={css['alert']}>
          <strong>{problem.message}</strong>
          {rest.length > 0 && (
            <ul>
              {rest.map((one) => (
                <li key={one}>{one}</li>
              ))}
            </ul>
          )}
        </div>
      )}
      <div className={css['fields']} onInput={onInput}>
        {children}
      </div>
      {(submit !== undefined || buttons !== undefined) && (
        <div className={css['buttons']}>
          {submit !== undefined && (
            <Action type="submit" kind="primary" isPending={isRunning}>
              {submit}
            </Action>
          )}
          {buttons}
        </div>
      )}
    </Form>
  );
}

/** For what is no single control: its label, its words, and beside them whatever it is. */
export function FieldRow({
  label,
  hint,
  children,
}: {
  readonly label: string;
  readonly hint?: ReactNode;
  readonly children: ReactNode;
}) {
  const id = useId();
  return (
    <div className={css['field']} role="group" aria-labelledby={id}>
      <span className={css['label']} id={id}>
        {label}
      </span>
      <div className={css['control']}>
        {children}
        {hint !== undefined && <small>{hint}</small>}
      </div>
    </div>
  );
}
