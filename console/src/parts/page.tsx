// The frame of a screen: its heading, which gets the focus when somebody comes here, a line below it and what can be done.
import { type ReactNode, useEffect, useRef } from 'react';
import css from './page.module.css';

export type PageProps = {
  readonly title: string;
  /** Where the title is more than text. */
  readonly heading?: ReactNode;
  readonly sub?: ReactNode;
  /** Buttons and links at its right. */
  readonly actions?: ReactNode;
  readonly children: ReactNode;
};

export function Page({ title, heading, sub, actions, children }: PageProps) {
  const ref = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${title} · Countersign`;
  }, [title]);
  useEffect(() => {
    // Not at the first load: the skip link comes first there.
    if (document.body.dataset['moved'] === 'true') ref.current?.focus({ preventScroll: true });
    document.body.dataset['moved'] = 'true';
  }, []);
  return (
    <>
      <header className={css['header']}>
        <div className={css['words']}>
          <h1 ref={ref} tabIndex={-1} className={css['title']}>
            {heading ?? title}
          </h1>
          {sub !== undefined && <p className={css['sub']}>{sub}</p>}
        </div>
        {actions !== undefined && <div className={css['actions']}>{actions}</div>}
      </header>
      {children}
    </>
  );
}

export type PanelProps = {
  /** Shown above it; where there is none, `label` names it. */
  readonly title?: ReactNode;
  readonly label?: string;
  readonly actions?: ReactNode;
  readonly id?: string;
  /** With room around what is in it; lists and tables have their own. */
  readonly padded?: boolean;
  readonly children: ReactNode;
};

export function Panel({ title, label, actions, id, padded = false, children }: PanelProps) {
  return (
    <section className={css['section']} id={id} aria-label={label ?? (typeof title === 'string' ? title : undefined)}>
      {(title !== undefined || actions !== undefined) && (
        <div className={css['bar']}>
          {title !== undefined && <h2>{title}</h2>}
          {actions}
        </div>
      )}
      <div className={padded ? `${css['panel']} ${css['padded']}` : css['panel']}>{children}</div>
    </section>
  );
}

/** Names and values, one below the other. */
export function Facts({
  items,
}: {
  readonly items: readonly (readonly [name: string, value: ReactNode] | undefined)[];
}) {
  return (
    <dl className={css['facts']}>
      {items.map(
        (item) =>
          item !== undefined && (
            <div key={item[0]}>
              <dt>{item[0]}</dt>
              <dd>{item[1]}</dd>
            </div>
          ),
      )}
    </dl>
  );
}
