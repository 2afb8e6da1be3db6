// Where certificates and keys come in: dropped, chosen or pasted, one file or several, PEM in any order, DER or PKCS #12. What was
// found is for the server to say (`certificates:inspect`); here it is only taken in, as the API takes it.
import { type ClipboardEvent, useState } from 'react';
import { DropZone } from 'react-aria-components/DropZone';
import { FileTrigger } from 'react-aria-components/FileTrigger';
import { Action } from './button.tsx';
import { Hostile } from './hostile.tsx';
import { type MaterialFile, maxFiles, readFile } from './material-file.ts';
import css from './drop-box.module.css';

export type DropBoxProps = {
  readonly label: string;
  readonly hint?: string;
  readonly files: readonly MaterialFile[];
  readonly onChange: (files: readonly MaterialFile[]) => void;
};

const pasted = 'pasted text';

export function DropBox({ label, hint, files, onChange }: DropBoxProps) {
  const [refusal, setRefusal] = useState('');
  const take = async (given: readonly File[]): Promise<void> => {
    const read = await Promise.all(given.map(readFile));
    const good = read.flatMap((one) => (typeof one === 'string' ? [] : [one]));
    const names = new Set(good.map(({ name }) => name));
    const next = [...files.filter(({ name }) => !names.has(name)), ...good];
    const bad = read.filter((one) => typeof one === 'string');
    setRefusal([...bad, ...(next.length > maxFiles ? [`At most ${maxFiles} files at once.`] : [])].join(' '));
    onChange(next.slice(0, maxFiles));
  };
  const text = files.find(({ name }) => name === pasted)?.text ?? '';
  const setText = (value: string): void => {
    const others = files.filter(({ name }) => name !== pasted);
    onChange(value.trim() === '' ? others : [...others, { name: pasted, text: value }]);
  };
  const onPaste = (event: ClipboardEvent): void => {
    if (event.clipboardData.files.length === 0) return;
    event.preventDefault();
    void take([...event.clipboardData.files]);
  };
  return (
    <DropZone
      className={css['zone'] ?? ''}
      aria-label={label}
      onDrop={({ items }) => {
        const dropped = items.flatMap((item) => (item.kind === 'file' ? [item.getFile()] : []));
        void Promise.all(dropped).then(take);
      }}
    >
      <textarea
        className={css['text']}
        aria-label={`${label}: paste PEM`}
        rows={4}
        spellCheck={false}
        autoComplete="off"
        placeholder="-----BEGIN CERTIFICATE-----  paste PEM here, or drop files"
        value={text}
        onChange={({ target }) => setText(target.value)}
        onPaste={onPaste}
      />
      <div className={css['bar']}>
        <FileTrigger allowsMultiple onSelect={(list) => list !== null && void take([...list])}>
          <Action>Choose files …</Action>
        </FileTrigger>
        <small>{hint ?? 'PEM in any order, DER or PKCS #12; one file or several'}</small>
      </div>
      {files.length > 0 && (
        <ul className={css['files']} aria-label="Chosen">
          {files
            .filter(({ name }) => name !== pasted)
            .map(({ name }) => (
              <li key={name}>
                <Hostile text={name} max={80} mono />
                <Action kind="quiet" onPress={() => onChange(files.filter((one) => one.name !== name))}>
                  Remove<span className="visually-hidden"> {name}</span>
                </Action>
              </li>
            ))}
        </ul>
      )}
      {refusal !== '' && (
        <p role="alert" className={css['refusal']}>
          {refusal}
        </p>
      )}
    </DropZone>
  );
}
