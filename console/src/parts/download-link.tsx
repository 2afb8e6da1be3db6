// A link to a file, which looks like a button.
import type { ReactNode } from 'react';
import css from './button.module.css';

export function DownloadLink({
  href,
  name,
  children,
}: {
  readonly href: string;
  readonly name: string;
  readonly children: ReactNode;
}) {
  return (
    <a href={href} download={name} className={`${css['button']} ${css['plain']}`}>
      {children}
    </a>
  );
}
