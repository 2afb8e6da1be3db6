// Moments as text. UTC everywhere: the log, the other operators and the partner have no time zone in common.
const days = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

/** `Tue 2 Dec, 14:00 UTC`; with its year where that is another, with seconds where it was within the hour. */
export function utc(ms: number, now: number): string {
  const date = new Date(ms);
  const year = date.getUTCFullYear() === new Date(now).getUTCFullYear() ? '' : ` ${date.getUTCFullYear()}`;
  const time = date.toISOString().slice(11, Math.abs(now - ms) < hour ? 19 : 16);
  return `${days[date.getUTCDay()]} ${date.getUTCDate()} ${months[date.getUTCMonth()]}${year}, ${time} UTC`;
}

/** `in 5 days`, `20 s ago`, `now`. Whole units, rounded down: what ends in 1.9 days ends in 1 day. */
export function relative(ms: number, now: number): string {
  const distance = Math.abs(ms - now);
  if (distance < 1000) return 'now';
  const text = duration(distance);
  return ms > now ? `in ${text}` : `${text} ago`;
}

/** `41 days`, `3 hours`, `20 s`, `14 ms`. */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < minute) return `${Math.floor(ms / 1000)} s`;
  if (ms < hour) return `${Math.floor(ms / minute)} min`;
  if (ms < 2 * day) return plural(Math.floor(ms / hour), 'hour');
  if (ms < 2 * 365 * day) return plural(Math.floor(ms / day), 'day');
  return plural(Math.floor(ms / (365 * day)), 'year');
}

/** `1 certificate`, `2 certificates`. */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}
