// Text to take along: a command, a block of a configuration, a fingerprint.
import { type ReactNode, useState } from 'react';
import { Action } from './button.tsx';
import css from './copy.module.css';

export function CopyButton({ text, children = 'Copy' }: { readonly text: string; readonly children?: ReactNode }) {
  const [state, setState] = useState<'' | 'Copied' | 'Not copied: select it'>('');
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(text);
      setState('Copied');
    } catch {
      setState('Not copied: select it');
    }
    setTimeout(() => setState(''), 2_000);
  };
  return (
    <Action onPress={() => void copy()}>
      {state === '' ? children : state}
      <span role="status" className="visually-hidden">
        {state}
      </span>
    </Action>
  );
}

/** Lines as they are to be pasted. */
export function CodeBlock({ label, text }: { readonly label: string; readonly text: string }) {
  return (
    <figure className={css['block']}>
      <figcaption>
        <span>{label}</span>
        <CopyButton text={text} />
      </figcaption>
      <pre tabIndex={0} aria-label={label}>
        {text}
      </pre>
    </figure>
  );
}
