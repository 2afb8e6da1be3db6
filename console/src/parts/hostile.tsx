// Text from certificates, clients and backends: cut where it is long, with control characters and what turns text around shown
// as what they are. Everything of theirs that is on a screen goes through here.
import { showHostile } from './hostile-text.ts';
import css from './hostile.module.css';

export function Hostile({
  text,
  max = 200,
  mono = false,
}: {
  readonly text: string;
  readonly max?: number;
  readonly mono?: boolean;
}) {
  const { pieces, cut } = showHostile(text, max);
  return (
    <bdi className={mono ? `${css['hostile']} mono` : css['hostile']}>
      {pieces.map(({ text: piece, isCode }, at) =>
        isCode ? (
          <span key={at} className={css['code']}>
            {piece}
          </span>
        ) : (
          piece
        ),
      )}
      {cut > 0 && <span className={css['cut']}>… {cut} more characters</span>}
    </bdi>
  );
}
