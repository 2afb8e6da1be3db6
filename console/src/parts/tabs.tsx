// Parts of one screen, of which one is shown. Which one stands in the URL.
import css from './tabs.module.css';

export type TabsProps = {
  readonly label: string;
  readonly tabs: readonly { readonly id: string; readonly label: string }[];
  readonly value: string;
  readonly onChange: (id: string) => void;
};

export function Tabs({ label, tabs, value, onChange }: TabsProps) {
  return (
    <div role="group" aria-label={label} className={css['tabs']}>
      {tabs.map(({ id, label: text }) => (
        <button key={id} type="button" aria-pressed={id === value} className={css['tab']} onClick={() => onChange(id)}>
          {text}
        </button>
      ))}
    </div>
  );
}
