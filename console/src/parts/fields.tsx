// Fields of forms, each with its label at its left, a hint and what is wrong below it.
import type { ReactNode } from 'react';
import { Button } from 'react-aria-components/Button';
import { Checkbox } from 'react-aria-components/Checkbox';
import { FieldError } from 'react-aria-components/FieldError';
import { Input } from 'react-aria-components/Input';
import { Label } from 'react-aria-components/Label';
import { ListBox, ListBoxItem } from 'react-aria-components/ListBox';
import { Popover } from 'react-aria-components/Popover';
import { Radio, RadioGroup } from 'react-aria-components/RadioGroup';
import { Select, SelectValue } from 'react-aria-components/Select';
import { Text } from 'react-aria-components/Text';
import { TextArea as AriaTextArea } from 'react-aria-components/TextArea';
import { TextField } from 'react-aria-components/TextField';
import css from './form.module.css';

type Shared = {
  /** JSON Pointer of its member in the body. */
  readonly name: string;
  readonly label: string;
  readonly hint?: ReactNode;
  readonly isRequired?: boolean;
  /** Said, not shown: in a cell whose column and row show what it is. */
  readonly isLabelHidden?: boolean;
  readonly isDisabled?: boolean;
  readonly isReadOnly?: boolean;
};

export type TextBoxProps = Shared & {
  readonly value: string;
  readonly onChange: (value: string) => void;
  readonly placeholder?: string;
  readonly mono?: boolean;
  readonly type?: 'text' | 'password' | 'url';
  readonly autoComplete?: string;
  readonly autoFocus?: boolean;
  readonly maxLength?: number;
  readonly minLength?: number;
  readonly inputMode?: 'numeric' | 'url' | 'text';
  readonly onBlur?: () => void;
};

export function TextBox({
  label,
  hint,
  mono = false,
  placeholder,
  autoComplete = 'off',
  type = 'text',
  isLabelHidden = false,
  ...rest
}: TextBoxProps) {
  const { field, name } = classesOf(isLabelHidden);
  return (
    <TextField {...rest} type={type} autoComplete={autoComplete} spellCheck="false" className={field}>
      <Label className={name}>{label}</Label>
      <div className={css['control']}>
        <Input
          className={mono ? `${css['input']} mono` : (css['input'] ?? '')}
          {...(placeholder !== undefined && { placeholder })}
        />
        <Below hint={hint} />
      </div>
    </TextField>
  );
}

export type TextAreaProps = Omit<TextBoxProps, 'type'> & { readonly rows?: number };

export function TextArea({
  label,
  hint,
  mono = false,
  placeholder,
  rows = 4,
  autoComplete = 'off',
  ...rest
}: TextAreaProps) {
  return (
    <TextField {...rest} autoComplete={autoComplete} spellCheck="false" className={css['field'] ?? ''}>
      <Label className={css['label'] ?? ''}>{label}</Label>
      <div className={css['control']}>
        <AriaTextArea
          rows={rows}
          className={mono ? `${css['input']} mono` : (css['input'] ?? '')}
          {...(placeholder !== undefined && { placeholder })}
        />
        <Below hint={hint} />
      </div>
    </TextField>
  );
}

export type Option = {
  readonly id: string;
  readonly label: string;
  /** More about it, in the list only. */
  readonly detail?: ReactNode;
  readonly isDisabled?: boolean;
};

export type ChoiceProps = Shared & {
  readonly value: string | null;
  readonly onChange: (value: string) => void;
  readonly options: readonly Option[];
  readonly placeholder?: string;
};

/** One of a few. */
export function Choice({
  label,
  hint,
  value,
  onChange,
  options,
  placeholder = 'Choose',
  isReadOnly = false,
  isDisabled = false,
  isLabelHidden = false,
  ...rest
}: ChoiceProps) {
  const { field, name } = classesOf(isLabelHidden);
  return (
    <Select
      {...rest}
      className={field}
      value={value}
      onChange={(next) => next !== null && onChange(String(next))}
      placeholder={placeholder}
      isDisabled={isDisabled || isReadOnly}
    >
      <Label className={name}>{label}</Label>
      <div className={css['control']}>
        <Button className={css['select'] ?? ''}>
          <SelectValue className={css['value'] ?? ''} />
          <span aria-hidden="true">▾</span>
        </Button>
        <Below hint={hint} />
        <Popover className={css['popover'] ?? ''}>
          <ListBox className={css['list'] ?? ''}>
            {options.map(({ id, label: text, detail, isDisabled: isOff = false }) => (
              <ListBoxItem key={id} id={id} textValue={text} isDisabled={isOff} className={css['option'] ?? ''}>
                <Text slot="label">{text}</Text>
                {detail !== undefined && (
                  <Text slot="description" className={css['detail'] ?? ''}>
                    {detail}
                  </Text>
                )}
              </ListBoxItem>
            ))}
          </ListBox>
        </Popover>
      </div>
    </Select>
  );
}

/** One of very few, all of them in sight with what they mean. */
export function Radios({ label, hint, value, onChange, options, isReadOnly = false, ...rest }: ChoiceProps) {
  return (
    <RadioGroup {...rest} isReadOnly={isReadOnly} className={css['field'] ?? ''} value={value} onChange={onChange}>
      <Label className={css['label'] ?? ''}>{label}</Label>
      <div className={css['control']}>
        {options.map(({ id, label: text, detail, isDisabled = false }) => (
          <Radio key={id} value={id} isDisabled={isDisabled} className={css['radio'] ?? ''}>
            <span className={css['dot']} aria-hidden="true" />
            <span>
              {text}
              {detail !== undefined && <small>{detail}</small>}
            </span>
          </Radio>
        ))}
        <Below hint={hint} />
      </div>
    </RadioGroup>
  );
}

export type CheckProps = {
  readonly name?: string;
  readonly children: ReactNode;
  readonly value: boolean;
  readonly onChange: (value: boolean) => void;
  readonly isDisabled?: boolean;
};

export function Check({ children, value, onChange, ...rest }: CheckProps) {
  return (
    <Checkbox {...rest} isSelected={value} onChange={onChange} className={css['check'] ?? ''}>
      <span className={css['box']} aria-hidden="true">
        {value ? '✓' : ''}
      </span>
      <span>{children}</span>
    </Checkbox>
  );
}

function classesOf(isLabelHidden: boolean): { readonly field: string; readonly name: string } {
  if (isLabelHidden) return { field: css['alone'] ?? '', name: 'visually-hidden' };
  return { field: css['field'] ?? '', name: css['label'] ?? '' };
}

function Below({ hint }: { readonly hint: ReactNode }) {
  return (
    <>
      <FieldError className={css['error'] ?? ''} />
      {hint !== undefined && (
        <Text slot="description" className={css['hint'] ?? ''}>
          {hint}
        </Text>
      )}
    </>
  );
}
