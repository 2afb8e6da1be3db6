// What happens when a certificate of ours, or a CA that we believe, has ended and nobody did anything.
import { plural } from '../../parts/time.ts';

type Usage = { readonly kind: 'services' | 'policies' | 'routes' | 'alerts'; readonly id: string };

export function consequenceOf(what: 'certificate' | 'bundle', users: readonly Usage[]): string {
  const receivers = users.filter(({ kind }) => kind === 'alerts').length;
  const services = users.filter(({ kind }) => kind !== 'policies' && kind !== 'alerts').length;
  const policies = users.filter(({ kind }) => kind === 'policies').length;
  const parts =
    what === 'certificate'
      ? [
          policies > 0 && `clients of ${plural(policies, 'policy', 'policies')} refuse us`,
          services > 0 && `${plural(services, 'service')} ${services === 1 ? 'refuses' : 'refuse'} us`,
          receivers > 0 && `${plural(receivers, 'receiver')} of alerts ${receivers === 1 ? 'refuses' : 'refuse'} us`,
        ]
      : [
          policies > 0 && `we refuse clients of ${plural(policies, 'policy', 'policies')}`,
          services > 0 && `we refuse ${plural(services, 'service')}`,
        ];
  const said = parts.filter((one) => one !== false);
  return said.length === 0 ? 'nothing: nothing uses it' : said.join(', ');
}
