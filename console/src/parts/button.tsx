// Buttons, and links that look like them.
import { Link, type LinkComponentProps } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { Button, type ButtonProps } from 'react-aria-components/Button';
import css from './button.module.css';

export type ActionProps = Omit<ButtonProps, 'className' | 'style' | 'children' | 'isPending'> & {
  readonly kind?: 'primary' | 'plain' | 'danger' | 'quiet';
  /** Under way: it keeps the focus, and what is pressed meanwhile is no second intent. */
  readonly isPending?: boolean;
  readonly children: ReactNode;
};

export function Action({ kind = 'plain', isPending = false, onPress, children, ...rest }: ActionProps) {
  return (
    <Button
      {...rest}
      {...(onPress !== undefined && !isPending && { onPress })}
      className={`${css['button']} ${css[kind]} ${isPending ? css['pending'] : ''}`}
    >
      {children}
      {isPending && <span className="visually-hidden">, under way</span>}
    </Button>
  );
}

type GoProps = Pick<LinkComponentProps, 'to' | 'params' | 'search' | 'hash' | 'onClick'> & {
  readonly kind?: 'primary' | 'plain' | 'link';
  readonly children: ReactNode;
  /** Where its words do not say enough by themselves. */
  readonly label?: string;
};

/** To another screen. */
export function Go({ kind = 'link', children, label, ...rest }: GoProps) {
  const className = kind === 'link' ? css['act'] : `${css['button']} ${css[kind]}`;
  return (
    <Link {...(rest as LinkComponentProps)} className={className ?? ''} aria-label={label}>
      {children}
    </Link>
  );
}
