// The keys, and the switch for the single ones.
import { OpenDialog } from '../parts/dialog.tsx';
import { Check } from '../parts/fields.tsx';
import { useKeysOn } from './keys.ts';
import { navigation } from './navigation.ts';
import css from './shell.module.css';

const keys: readonly (readonly [string, string])[] = [
  ['/', 'Search'],
  ['n', 'New, on a list'],
  ['e', 'Edit, on one thing'],
  ['?', 'These keys'],
  ...navigation.map(({ letter, label }): [string, string] => [`g ${letter}`, label]),
];

export default function Help({ onClose }: { readonly onClose: () => void }) {
  const [isOn, setOn] = useKeysOn();
  return (
    <OpenDialog title="Keys" onClose={onClose}>
      <Check value={isOn} onChange={setOn}>
        Single keys are on
      </Check>
      <dl className={css['keys']}>
        {keys.map(([key, what]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
        <div>
          <dt>
            <kbd>Ctrl Enter</kbd>
          </dt>
          <dd>Send the form, from any field</dd>
        </div>
        <div>
          <dt>
            <kbd>Esc</kbd>
          </dt>
          <dd>Close</dd>
        </div>
      </dl>
    </OpenDialog>
  );
}
