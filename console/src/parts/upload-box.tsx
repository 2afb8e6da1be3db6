// The drop box with what the server found in it, before anything is saved: which certificates, whether the key fits, and what is wrong
// in the words of the log. A file with a password (PKCS #12) asks for it.
import { useEffect, useState } from 'react';
import { type Answer, type Body, call } from '../api/client.ts';
import { asProblem } from '../api/problem.ts';
import { Chain } from './certificate.tsx';
import { DropBox } from './drop-box.tsx';
import { TextBox } from './fields.tsx';
import { FieldRow } from './form.tsx';
import { Hostile } from './hostile.tsx';
import type { MaterialFile } from './material-file.ts';
import { Tag } from './tag.tsx';
import { plural } from './time.ts';
import css from './upload-box.module.css';

/** A private key may be in it: it lives as long as the form that shows it, and nowhere else. */
export type Upload = { readonly files: readonly MaterialFile[]; readonly password: string };
export const noUpload: Upload = { files: [], password: '' };

export type Inspection = Answer<'inspectCertificates'>;
export type InspectionState =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'asking' }
  | { readonly kind: 'found'; readonly inspection: Inspection }
  | { readonly kind: 'failed'; readonly message: string };

const settleMs = 250;

/** What the server says of it, once it has not changed for a moment. */
export function useInspection(use: Body<'inspectCertificates'>['use'], { files, password }: Upload): InspectionState {
  const [told, setTold] = useState<{ readonly of: Asked; readonly state: InspectionState }>();
  useEffect(() => {
    if (files.length === 0) return undefined;
    const tell = (state: InspectionState): void => setTold({ of: { use, files, password }, state });
    const aborting = new AbortController();
    const ask = async (): Promise<void> => {
      try {
        const body = bodyOf(use, { files, password });
        const { body: inspection } = await call('inspectCertificates', { body, signal: aborting.signal });
        tell({ kind: 'found', inspection });
      } catch (error) {
        if (!aborting.signal.aborted) tell({ kind: 'failed', message: asProblem(error).message });
      }
    };
    const timer = setTimeout(() => void ask(), settleMs);
    return () => {
      clearTimeout(timer);
      aborting.abort();
    };
  }, [use, files, password]);
  if (files.length === 0) return { kind: 'nothing' };
  const isOfThis = told?.of.use === use && told.of.files === files && told.of.password === password;
  return isOfThis ? told.state : { kind: 'asking' };
}

type Asked = Upload & { readonly use: Body<'inspectCertificates'>['use'] };

function bodyOf(use: Body<'inspectCertificates'>['use'], { files, password }: Upload): Body<'inspectCertificates'> {
  return { use, files: [...files], ...(password !== '' && { password }) };
}

export type UploadBoxProps = {
  readonly label: string;
  readonly hint?: string;
  readonly upload: Upload;
  readonly onChange: (upload: Upload) => void;
  readonly state: InspectionState;
};

export function UploadBox({ label, hint, upload, onChange, state }: UploadBoxProps) {
  const isLocked = state.kind === 'found' && state.inspection.problems.some(({ code }) => passwordCodes.has(code));
  return (
    <>
      <FieldRow label={label}>
        <DropBox
          label={label}
          {...(hint !== undefined && { hint })}
          files={upload.files}
          onChange={(files) => onChange(files.length === 0 ? noUpload : { ...upload, files })}
        />
        <Found state={state} />
      </FieldRow>
      {(isLocked || upload.password !== '') && (
        <TextBox
          name="/password"
          label="Password of the file"
          type="password"
          value={upload.password}
          onChange={(password) => onChange({ ...upload, password })}
          hint="It opens the file once and is not kept."
        />
      )}
    </>
  );
}

/** Of what cannot be opened without one, or not with this one. */
const passwordCodes = new Set(['pkcs12_password']);

function Found({ state }: { readonly state: InspectionState }) {
  if (state.kind === 'nothing') return null;
  if (state.kind === 'asking')
    return (
      <p className={css['note']} role="status">
        Reading it …
      </p>
    );
  if (state.kind === 'failed')
    return (
      <p className={css['failed']} role="alert">
        {state.message}
      </p>
    );
  const { certificates, key, problems, usable } = state.inspection;
  return (
    <div className={css['found']} role="status" aria-label="What was found">
      <p>
        <Tag tone={usable ? 'ok' : 'bad'}>{usable ? 'usable' : 'not usable'}</Tag> Found{' '}
        {plural(certificates.length, 'certificate')}
        {key === 'fits' && ' and its private key, which fits'}
        {key === 'none' && ', and no private key'}
        {key === 'other' && ', and a private key that is not of the first of them'}.
      </p>
      {problems.length > 0 && (
        <ul className={css['problems']}>
          {problems.map(({ severity, code, message, hint }, at) => (
            <li key={`${code} ${at}`}>
              <Tag tone={severity === 'error' ? 'bad' : 'due'}>{severity}</Tag>
              <span>
                <Hostile text={message} max={400} />
                {hint !== '' && (
                  <small>
                    <Hostile text={hint} max={400} />
                  </small>
                )}
                <small className="mono">{code}</small>
              </span>
            </li>
          ))}
        </ul>
      )}
      {certificates.length > 0 && <Chain label="Certificates that were found" certificates={certificates} />}
    </div>
  );
}

/** As the configuration takes CAs: PEM as it came, else base64. */
export function textsOf({ files }: Upload): string[] {
  return files.map((file) => file.text ?? file.base64 ?? '');
}
