// How a gateway does, in a word.
import type { Item } from '../../api/client.ts';
import { Tag, type Tone } from '../../parts/tag.tsx';

type State = Item<'listGateways'>['state'];

const words: Readonly<Record<State, readonly [Tone, string]>> = {
  current: ['ok', 'current'],
  changing: ['due', 'changing'],
  behind: ['bad', 'behind'],
  refused: ['bad', 'refused a change'],
  lastGood: ['bad', 'last good'],
  silent: ['bad', 'silent'],
  unknown: ['plain', 'another version'],
};

export function GatewayTag({ state }: { readonly state: State }) {
  const [tone, word] = words[state];
  return <Tag tone={tone}>{word}</Tag>;
}
