// What narrows a list, by a part of any of its words.
import { Input } from 'react-aria-components/Input';
import { Label } from 'react-aria-components/Label';
import { SearchField } from 'react-aria-components/SearchField';
import css from './filter-box.module.css';

export type FilterBoxProps = {
  readonly label: string;
  readonly value: string;
  readonly onChange: (value: string) => void;
};

export function FilterBox({ label, value, onChange }: FilterBoxProps) {
  return (
    <SearchField value={value} onChange={onChange} className={css['field'] ?? ''}>
      <Label className="visually-hidden">{label}</Label>
      <Input className={css['input'] ?? ''} placeholder="Filter" />
    </SearchField>
  );
}
